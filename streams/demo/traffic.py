"""The demonstration's traffic: two generated days of a provider's log, the same for the same seed.

Ordinary people and six look-alikes that must be spared, one loud and one hydra campaign that must be found. What an account
really is stands in `truth`, never in the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from models.durations import DAY
from streams.demo import campaigns, cast
from streams.demo.log import Log, TrueRole
from streams.demo.scene import Scene

SPAN_SECONDS = 2 * DAY
START = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
"""Default start of event time: a Monday, in seconds since 1970."""

MIN_DEMO_ACCOUNTS = 600
MIN_EVENTS = 20_000


@dataclass(frozen=True)
class Traffic:
    """A drawn log: `lines` writes it, `truth` maps each account to its role."""

    log: Log
    events: int

    def lines(self) -> Iterator[bytes]:
        """Write exactly `events` canonical JSON lines in time order."""
        return self.log.lines(self.events)

    @property
    def truth(self) -> dict[str, TrueRole]:
        """The true role of each account."""
        return {role.account_id: role for role in self.log.roles}


def demo_traffic(seed: int = 7, accounts: int = 3000, events: int = 60_000, start: float = START) -> Traffic:
    """Draw the demonstration's log.

    Args:
        seed: The same seed gives the same bytes.
        accounts: Accounts in all, at least 600; the hydra has one in fifteen, most are ordinary people.
        events: Lines in all, at least 20,000 over two days.
        start: Event time of the first moment, in seconds since 1970.

    Raises:
        ValueError: Too few accounts or events for all roles.
    """
    if accounts < MIN_DEMO_ACCOUNTS or events < MIN_EVENTS:
        raise ValueError(f"demo traffic: needs at least {MIN_DEMO_ACCOUNTS} accounts and {MIN_EVENTS} events, got {accounts} and {events}")
    scene = Scene(Log(np.random.default_rng(seed)), start, SPAN_SECONDS)
    seats, coders, heads, pooled = 40, accounts // 25, accounts // 15, 12
    share = events / 60_000
    campaigns.loud_harvest(scene, 3, round(6000 * share))
    campaigns.hydra(scene, heads, min(25.0, events * 0.2 / heads / 2))
    cast.batch_job(scene, round(3000 * share))
    cast.evaluation_harness(scene, round(2400 * share))
    cast.enterprise_gateway(scene, seats, round(2000 * share))
    cast.grey_reseller(scene, pooled, 250, round(3600 * share))
    cast.coding_tool(scene, coders, round(8000 * share))
    cast.ordinary_people(scene, accounts - len(scene.log.roles), events - len(scene.log))
    return Traffic(scene.log, events)
