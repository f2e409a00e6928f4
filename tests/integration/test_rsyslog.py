"""A real rsyslog with our configuration: a log's lines reach Apache Kafka as they are, also those written while rsyslog was down."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from streams.core.settings import Settings
from streams.devserver.kafka import ApacheKafka
from streams.schema import topics
from streams.testing.builders import records_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "shippers" / "rsyslog.conf"
RSYSLOG = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin")
MODULES = list(Path("/usr/lib").glob("*/rsyslog/omkafka.so"))


@pytest.mark.skipif(not (RSYSLOG and MODULES), reason="rsyslog with omkafka is not installed: apt-get install rsyslog rsyslog-kafka")
def test_lines_arrive_as_they_are_and_a_restart_loses_none(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    settings = Settings(mode="local", kafka=apache_kafka.bootstrap)  # the topics are those of other tests too
    topics.ensure(settings)
    log, spool = tmp_path / "requests.log", tmp_path / "spool"
    spool.mkdir()
    text = CONFIGURATION.read_text().replace("/var/log/gateway/requests.log", str(log)).replace("/var/spool/rsyslog", str(spool))
    (tmp_path / "rsyslog.conf").write_text(text.replace("kafka:9092", apache_kafka.bootstrap))
    lines = [json.dumps({"timestamp": number, "prompt": f'a "quoted" \\ line {number} é'}, ensure_ascii=False) for number in range(40)]
    for part in (lines[:15], lines[15:]):
        with log.open("a") as file:
            file.writelines(f"{line}\n" for line in part)
        daemon = subprocess.Popen([str(RSYSLOG), "-n", "-f", tmp_path / "rsyslog.conf", "-i", tmp_path / "pid"])
        try:
            wait_until_whole(settings, lines[: lines.index(part[-1]) + 1])
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)


def wait_until_whole(settings: Settings, lines: list[str], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while (records := raw_records(settings)) != sorted(lines) and time.monotonic() < deadline:
        time.sleep(1)
    assert records == sorted(lines)


def raw_records(settings: Settings) -> list[str]:
    """Return what the topic holds, sorted: partitions have no common order."""
    return sorted(record.value.decode() for record in records_of(settings.kafka, topics.REQUESTS_RAW))
