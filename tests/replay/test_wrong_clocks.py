"""One wrong clock stays one wrong clock: events hours ahead change nobody else's evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.durations import DAY
from streams.demo import cast
from streams.demo.scene import Scene
from streams.demo.traffic import START
from streams.replay.run import Replay
from streams.schema.event import Event

pytestmark = pytest.mark.slow

Play = Callable[..., Replay]

HOURS_AHEAD = 20
ONE_IN = 500
"""On the first of two days: their events fall into the second, so both logs end at the same time, and who pauses then is scored in both."""
MAX_MOVED_SHARE = 0.01
MAX_MOVED_NATS = 0.2
"""What a hundredth of the votes may do to a small reference; a wrong clock that all others were judged by did 8.6."""


def evidence(run: Replay) -> dict[str, np.ndarray[Any, Any]]:
    """Return the evidence of each account by family, as it enters its score, nats."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for stage in run.pipeline.accounts:
        slots = stage.state.table.slots
        found |= dict(zip(stage.state.ids(slots), np.nan_to_num(stage.state.table["evidence_shrunk"][slots]), strict=True))
    return found


@pytest.mark.timeout(300)
def test_a_thousandth_of_the_events_20_hours_ahead_changes_no_other_accounts_evidence(
    scene: Callable[[float], Scene], replay_of: Play
) -> None:
    drawn = scene(2 * DAY)
    cast.ordinary_people(drawn, 800, 8_000)
    seen, theirs = [0], set[str]()

    def ahead(event: Event) -> Event:
        seen[0] += 1
        if seen[0] % ONE_IN or event["timestamp"] > START + DAY:
            return event
        theirs.add(event["account.id"])
        return event | {"timestamp": event["timestamp"] + HOURS_AHEAD * 3_600}

    wrong, right = evidence(replay_of(drawn, ahead)), evidence(replay_of(drawn))
    others = right.keys() - theirs
    assert len(theirs) >= 5
    assert len(others) > 500
    moved = [float(np.abs(wrong[account] - right[account]).max()) for account in others]
    assert sum(nats > 0.01 for nats in moved) <= MAX_MOVED_SHARE * len(moved), "those that are compared with eight accounts that changed"
    assert max(moved) <= MAX_MOVED_NATS
