"""A real Fluent Bit with our configuration: a log's lines arrive as they are, those from before its start and while it was down too.

No package index that this project uses has it: the test runs where `fluent-bit` is installed, or FLUENT_BIT names it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.schema import topics
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS
from streams.testing.builders import event_ids_of, records_of
from streams.testing.processes import free_port, hydrometer

CONFIGURATION: Final = Path(__file__).resolve().parents[2] / "deploy" / "shippers" / "fluent-bit.yaml"
FLUENT_BIT: Final = os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit", path=f"{os.environ.get('PATH', '')}:/opt/fluent-bit/bin")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.skipif(FLUENT_BIT is None, reason="Fluent Bit is not installed: see https://docs.fluentbit.io, or set FLUENT_BIT"),
]


@contextmanager
def fluent_bit(folder: Path, collect_port: int) -> Iterator[Path]:
    """Run Fluent Bit with our configuration at other paths and another port. Yields the file of its own log."""
    text = CONFIGURATION.read_text()
    for theirs, here in {
        "/var/log/gateway/requests.log": str(folder / "requests.log"),
        "/var/lib/fluent-bit": str(folder),
        "host: collect": "host: 127.0.0.1",
        "port: 8088": f"port: {collect_port}",
    }.items():
        assert theirs in text
        text = text.replace(theirs, here)
    (folder / "fluent-bit.yaml").write_text(text)
    environment = {**os.environ, "HYDROMETER_INTAKE_TOKEN": Settings(mode="local").intake_token.get_secret_value()}
    with (folder / "fluent-bit.log").open("ab") as written:
        process = subprocess.Popen([str(FLUENT_BIT), "-c", folder / "fluent-bit.yaml"], env=environment, stdout=written, stderr=written)
    try:
        yield folder / "fluent-bit.log"
    finally:
        process.terminate()
        process.wait(timeout=60)


def append(log: Path, *requests: str) -> None:
    with log.open("a") as file:
        for request in requests:
            event = {"timestamp": time.time(), "event.id": request, "account.id": "a1", "prompt": 'a "quoted" \\ é', "tool_count": 3}
            file.write(json.dumps(event, ensure_ascii=False) + "\n")


def wait_until_delivered(kafka: str, ids: set[str], log: Path) -> None:
    deadline = time.monotonic() + 60
    while (delivered := set(event_ids_of(kafka))) < ids and time.monotonic() < deadline:
        time.sleep(1)
    assert delivered == ids, log.read_text()[-3000:]


def test_a_log_arrives_whole_over_an_outage_of_collect_and_a_restart_of_fluent_bit(tmp_path: Path) -> None:
    port, gateway = free_port(), tmp_path / "requests.log"
    append(gateway, "before-its-start")
    with EmbeddedBroker() as broker:
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap, partitions=1))
        with fluent_bit(tmp_path, port) as log:
            append(gateway, "collect-away")
            time.sleep(3)  # it has tried, and keeps both
            with hydrometer("collect", "--http", f"127.0.0.1:{port}", log=tmp_path / "collect.log", KAFKA=broker.bootstrap, PARTITIONS="1"):
                wait_until_delivered(broker.bootstrap, {"before-its-start", "collect-away"}, log)
        gateway.rename(tmp_path / "requests.log.1")
        append(gateway, "rotated-while-down")
        with (
            hydrometer("collect", "--http", f"127.0.0.1:{port}", log=tmp_path / "again.log", KAFKA=broker.bootstrap, PARTITIONS="1"),
            fluent_bit(tmp_path, port) as log,
        ):
            wait_until_delivered(broker.bootstrap, {"before-its-start", "collect-away", "rotated-while-down"}, log)
        ids = event_ids_of(broker.bootstrap)
        assert len(ids) == len(set(ids)), "what was sent before a restart is not sent again"
        blocks = [decode(record.value, REQUESTS) for record in records_of(broker.bootstrap, topics.REQUESTS)]
    assert all(block.numbers("tool_count").tolist() == [3.0] * len(block) for block in blocks), "a number stays a number"
