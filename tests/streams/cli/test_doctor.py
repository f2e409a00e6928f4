"""What `hydrometer doctor` says of the lag, on a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaProducer

from streams.cli import doctor
from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.kafka import progress
from streams.schema import topics
from streams.testing.builders import embedded_broker, local_clickhouse


def test_a_group_that_never_acknowledged_anything_is_named_once_its_topic_has_records() -> None:
    with embedded_broker() as bootstrap:
        settings = Settings(mode="local", kafka=bootstrap, partitions=2)
        topics.ensure(settings)
        assert doctor._lag(settings).startswith("records waiting: collect has not read yet")
        producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
        producer.send(topics.REQUESTS, b"a block", partition=1).get(30)
        producer.close()
        with pytest.raises(HydrometerError, match="never acknowledged anything: accounts, store: start `hydrometer worker accounts store`"):
            doctor._lag(settings)


def test_more_records_than_a_moment_ago_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = iter([10, 500])
    monkeypatch.setattr(doctor, "LAG_SECONDS", 0.0)
    monkeypatch.setattr(progress, "lag", lambda _settings, group: {"requests": {0: next(waiting) if group == "hydrometer-store" else 0}})
    monkeypatch.setattr(topics, "records", lambda _settings, *names: dict.fromkeys(names, 1))
    with pytest.raises(HydrometerError, match="more records wait for store than 0 s ago"):
        doctor._lag(Settings(mode="local"))


def test_a_paused_source_is_named_until_its_collect_reports_otherwise(tmp_path: Path) -> None:
    with local_clickhouse(tmp_path) as server:
        settings = server.settings()
        migrate.run(settings)
        clickhouse = ClickHouse(settings)
        report = "INSERT INTO health (time, process, instance, metric, labels, value) SELECT now() - %(ago)s, 'collect', %(by)s, %(metric)s"
        for instance, ago, blown in (("gate-7", 60, 0), ("gate-7", 30, 1), ("gate-8", 60, 1), ("gate-8", 30, 0), ("gate-9", 900, 1)):
            values: dict[str, str | float] = {"ago": ago, "by": instance, "metric": "hydrometer_fuse_blown", "blown": blown}
            clickhouse.query(f"{report}, map(), %(blown)s", values)
        with pytest.raises(
            HydrometerError, match=r"^gate-7 paused a source, because too many of its lines are refused: correct the format"
        ):
            doctor._sources(settings)
        clickhouse.query("TRUNCATE TABLE health")
        assert doctor._sources(settings) == "0 `collect` processes report, none has paused a source"
        clickhouse.close()


def test_what_no_request_of_a_day_has_is_named_with_what_is_blind_without_it(tmp_path: Path) -> None:
    with local_clickhouse(tmp_path) as server:
        settings = server.settings()
        migrate.run(settings)
        clickhouse = ClickHouse(settings)
        assert doctor._log(settings) == "no request within a day"
        columns = "time, event_id, account_id, organization_id, sent_output_tokens"
        clickhouse.query(f"INSERT INTO requests ({columns}) SELECT now(), 'e1', 'a1', 'o1', 300 SETTINGS async_insert = 0")
        text = doctor._log(settings)
        clickhouse.close()
    missing, blind, cost = text.removeprefix("no request of a day has ").split("; ")
    assert {"prompt", "payment.hash", "client.address"} <= {*missing.split(", ")}
    assert {"organization.id", "gen_ai.usage.output_tokens"}.isdisjoint(missing.split(", "))
    assert "shared_template" in blind
    assert cost.startswith("campaigns found (or asked about) in one measured world: all fields ")
    assert "without prompt " in cost
    assert "without organization.id" not in cost
