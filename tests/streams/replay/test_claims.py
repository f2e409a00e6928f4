"""An alert claims nothing of what a log does not have: each group of fields that matters is left out of a log, and what is said is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from streams.core.settings import Settings
from streams.intake.collector import read_files
from streams.replay.lacking_costs import WITHOUT
from streams.replay.little_world import blind_without
from streams.replay.run import Replay
from streams.schema.cases import Case
from streams.schema.event import FIELDS, REQUIRED

pytestmark = pytest.mark.slow

OPTIONAL = frozenset(field.wire for field in FIELDS).difference(REQUIRED)
COUNTS = {
    "payment.hash": re.compile(r"\b(one|\d[\d,]*) (?:shared )?cards?\b"),
    "organization.id": re.compile(r"\b(one|\d[\d,]*) organisations?\b"),
}
"""What a text would say, if it counted what the log does not have."""
NEEDS = re.compile(r"Would need: .*?; found: ")
"""What an explanation needs is no claim."""


def cases_without(log: Path, fields: frozenset[str], folder: Path) -> list[Case]:
    path = folder / "events.jsonl"
    events = map(orjson.loads, filter(None, log.read_bytes().splitlines()))
    path.write_bytes(b"\n".join(orjson.dumps({name: value for name, value in event.items() if name not in fields}) for event in events))
    replay = Replay(2, b"seals nothing worth")
    replay.feed(read_files([path], Settings(mode="local", partitions=2)))
    return replay.cases


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


@pytest.mark.parametrize("group", WITHOUT)
def test_no_case_claims_what_was_not_read(group: str, morning: Path, tmp_path: Path) -> None:
    missing = WITHOUT[group] & OPTIONAL
    cases, blind = cases_without(morning, missing, tmp_path), blind_without(missing)
    claimed = {feature.feature for case in cases for feature in case.payload.features if feature.nats}
    if not any(name.startswith("groups by ") for name in blind):  # a feature of groups is blind there, and not in groups of another link
        assert not claimed & blind
    counted = COUNTS.get(group)
    found = (NEEDS.sub("", text) for case in cases for text in texts(orjson.loads(case.payload.encode())))
    said = {text for text in found if counted and counted.search(text)}
    assert not said, sorted(said)[:5]
