"""Two days in a minute: who catches up judges as who lived through it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from comparison import families, last_monday, replay_of, state_of
from rig import Rig
from trial import Outcome, scenario

from models.evidence.families import FAMILIES
from models.evidence.weighing import ALERT_THRESHOLD_NATS, ALONE_ALERT_THRESHOLD_NATS
from streams.demo.traffic import demo_traffic
from streams.intake.block_producer import BlockProducer
from streams.intake.collector import OutgoingBlock, read_files
from streams.schema import topics

AGENTS: Final = (topics.ACCOUNTS_AGENT, topics.GROUPS_AGENT, topics.CASES_AGENT, topics.STORE_AGENT)
ACCOUNTS: Final = 600
EVENTS: Final = int(os.environ.get("HURRIED_EVENTS", "20000"))
BLOCKS: Final = 16
"""Blocks that are sent at a time."""
TOLERANCE: Final = 0.01
"""By which evidence may differ, of itself and in nats, before an account is counted as off."""
MAX_OFF_NATS: Final = 0.1
"""By which evidence may differ at all: blocks of different partitions that lie within minutes may be read in another order."""
MAX_OFF_SHARE: Final = 0.05
"""Share of the accounts whose evidence may differ by more than TOLERANCE, at most."""


@scenario
def hurried(directory: Path, seed: int) -> Outcome:
    """Two days of requests are pushed through Kafka as fast as it goes: alerts and evidence are those of a replay."""
    with Rig(directory, partitions=4, checkpoint=60.0) as rig:
        log = directory / "events.jsonl"
        traffic = demo_traffic(accounts=ACCOUNTS, events=20_000, start=last_monday(), seed=seed)
        log.write_bytes(b"\n".join(islice(traffic.lines(), EVENTS)))
        outgoing = list(read_files([log], rig.settings))
        worker = rig.worker("one", *AGENTS)
        rig.wait_for(lambda: worker.said("accounts: this worker owns partitions") > 0, what="the worker to have partitions")
        began = time.monotonic()
        with BlockProducer(rig.settings, "file") as producer:
            for first in range(0, len(outgoing), BLOCKS):
                producer.insist(outgoing[first : first + BLOCKS])
        for agent in (*AGENTS, *AGENTS):  # twice: what one sends, another reads
            rig.wait_for(lambda: rig.waiting(agent) == 0, lambda: rig.waiting(agent), what=f"{agent} to catch up")  # noqa: B023
        seconds = time.monotonic() - began
        code, _ = worker.stop()
        outcome = _compared(rig, outgoing)
        if code:
            outcome.faults.append(f"exit code {code}")
        outcome.notes["seconds"] = round(seconds)
        return outcome


def _compared(rig: Rig, outgoing: Sequence[OutgoingBlock]) -> Outcome:
    """Compare state and tables, after the workers have stopped, with a replay of the same blocks."""
    with rig.connected() as client:
        [[rows]] = client.execute("SELECT count() FROM requests")
        alerts = dict(client.execute("SELECT alert_id, max(evidence) FROM alerts GROUP BY alert_id"))
    expected = replay_of(rig.settings)
    expected.feed(outgoing)
    want, have = families(expected), families(state_of(rig.settings))
    wanted = {alert.alert_id: alert.evidence for alert in sorted(expected.alerts, key=lambda alert: alert.evidence)}
    missing, more = ({name: one[name] for name in one.keys() - other.keys()} for one, other in ((wanted, alerts), (alerts, wanted)))
    at_threshold = sum(map(is_at_threshold, [*missing.values(), *more.values()]))
    off, nats, by_family = _differences(want, have)
    faults = []
    if len(missing) + len(more) > at_threshold:
        counted = f"{len(missing)} alerts are missing, {len(more)} are more than in replay, {at_threshold} of them at the threshold"
        faults.append(f"{counted}: {', '.join(f'{name} {nats:.2f}' for name, nats in [*missing.items(), *more.items()])}")
    if nats > MAX_OFF_NATS or len(off) > MAX_OFF_SHARE * len(want):
        faults.append(f"evidence of {len(off)} of {len(want)} accounts differs by over {TOLERANCE:.0%}, by {nats:.1f} nats at most")
    if rows != EVENTS:
        faults.append(f"requests has {rows} of {EVENTS}")
    notes: dict[str, object] = {"blocks": len(outgoing), "alerts": len(wanted), "of them at the threshold and different": at_threshold}
    notes |= {"accounts": len(want), "accounts off": len(off), "nats off": round(nats, 2), "by family": by_family}
    return Outcome(f"sent {EVENTS:,}, requests {rows:,}", faults, notes)


def is_at_threshold(evidence: float) -> bool:
    """Tell whether evidence lies as near to a threshold of alerts as evidence may differ: then one run alerts, and another does not.

    >>> is_at_threshold(13.007), is_at_threshold(13.2)
    (True, False)
    """
    return any(abs(evidence - bar) <= TOLERANCE * bar for bar in (ALERT_THRESHOLD_NATS, ALONE_ALERT_THRESHOLD_NATS))


def _differences(want: Mapping[str, Sequence[float]], have: Mapping[str, Sequence[float]]) -> tuple[list[str], float, str]:
    """Return the accounts whose evidence differs by more than TOLERANCE in a family, and by how much at most: in all, and by family."""
    off, most = [], np.zeros(len(FAMILIES))
    for account, nats in want.items():
        other = np.array(have.get(account, np.zeros(len(nats))))
        if not np.allclose(other, nats, rtol=TOLERANCE, atol=TOLERANCE):
            off.append(account)
        most = np.maximum(most, np.abs(other - nats))
    moved = sorted(zip(most.tolist(), FAMILIES, strict=True), reverse=True)
    return off, float(most.max()), ", ".join(f"{name} {nats:.2f}" for nats, name in moved if nats > TOLERANCE)
