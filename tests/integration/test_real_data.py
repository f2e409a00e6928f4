"""Real prompts, token counts and client rates through collect -> Kafka -> agents -> ClickHouse.

The labelled traffic of `tests/evaluation` is made of them; campaigns are in it, so cases are expected, but none is demanded here:
`make evaluate` judges detection. Here nothing may be lost or refused, and the figures are printed (`pytest -s`).
"""

from __future__ import annotations

import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from streams.devserver.system import System, local_system
from streams.intake.block_producer import send_files
from streams.schema import topics
from streams.testing.figures import Figures
from streams.testing.real_data import real_data

EVENTS = 20_000
SETTLED = 8.0
PATIENCE = 180.0

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.skipif(real_data("data") is None, reason="no real data: point HYDROMETER_SHARED at the folder that holds it"),
]


def settled(system: System) -> tuple[Figures, float]:
    """Wait until no table grows any more; return their rows, and when the last request came."""
    tables = ("requests", "scores", "alerts", "cases", "dead_letters", "shadow_scores")
    seen: dict[str, int] = {}
    began = moved = arrived = time.monotonic()
    with system.client() as client:
        while time.monotonic() - moved < SETTLED or seen.get("requests", 0) < EVENTS:
            assert time.monotonic() - began < PATIENCE, seen
            system.check()
            now = {name: client.execute(f"SELECT count() FROM {name}")[0][0] for name in tables}  # noqa: S608 (constants)
            if now != seen:
                arrived = time.monotonic() if now["requests"] != seen.get("requests") else arrived
                seen, moved = now, time.monotonic()
            time.sleep(0.5)
        figures: Figures = dict(seen)
        (figures["usage"],) = client.execute("SELECT sum(requests) FROM usage_minute")[0]
        figures["open cases"] = client.execute("SELECT behaviour, accounts, extraction, title FROM cases FINAL WHERE state = 'open'")
        figures["alerted"] = client.execute("SELECT behaviour, entity_kind, uniq(entity_id) FROM alerts GROUP BY ALL ORDER BY ALL")
        figures["sketched"] = client.execute("SELECT countIf(template != 0), uniq(account_id) FROM requests")[0]
    return figures, arrived


def test_nothing_of_real_traffic_is_lost_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "evaluation"))
    import traffic  # noqa: PLC0415 - its folder is found only now

    monkeypatch.setattr(traffic, "START", time.time() // 3600 * 3600 - traffic.SPAN)  # ClickHouse forgets requests after a month

    log = tmp_path / "events.jsonl"
    lines = islice(traffic.world("dev", 1, people=700).lines(), EVENTS)
    log.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in lines))
    with local_system(tmp_path / "run", checkpoint_seconds=10.0) as system:
        system.start("agents", (topics.ACCOUNTS_AGENT, topics.GROUPS_AGENT, topics.CASES_AGENT))
        system.start("store", (topics.STORE_AGENT,))
        began = time.monotonic()
        counts = send_files([log], system.settings)
        shipped = time.monotonic()
        figures, arrived = settled(system)
    print(
        f"\ncollect: {EVENTS / (shipped - began):,.0f} events/s, to the last row in {arrived - began:.1f} s, start of the workers included"
    )
    for name, value in figures.items():
        print(f"{name}: {value}")
    assert dict(counts) == {"accepted": EVENTS}
    assert (figures["requests"], figures["usage"], figures["dead_letters"]) == (EVENTS, EVENTS, 0)
    assert figures["sketched"][0] > 0.9 * EVENTS
    assert figures["scores"] > 0
