"""What a person decides on the command line is on the topic `labels` when the command returns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from streams import labels, topics
from streams.cli import cli
from streams.settings import Settings
from streams.testing import embedded_broker


@pytest.fixture
def settings() -> Iterator[Settings]:
    with embedded_broker() as bootstrap:
        settings = Settings.load({"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": bootstrap})
        topics.ensure(settings)
        yield settings


def run(settings: Settings, *words: str) -> str:
    environment = {"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": settings.kafka}
    result = CliRunner(env=environment).invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def first_label(settings: Settings) -> dict[str, object]:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topics.LABELS, 0)])
        for record in consumer:
            return labels.parse(record.value)
    finally:
        consumer.close()
    raise AssertionError


def test_a_verdict_travels_with_who_gave_it_and_why(settings: Settings) -> None:
    run(settings, "label", "account", "acct-1", "benign", "--author", "ada", "--note", "a course")
    found = first_label(settings)
    assert {name: found[name] for name in ("entity_kind", "entity_id", "verdict", "author", "note")} == {
        "entity_kind": "account",
        "entity_id": "acct-1",
        "verdict": "benign",
        "author": "ada",
        "note": "a course",
    }


def test_a_split_names_case_and_link(settings: Settings) -> None:
    said = run(settings, "case", "split", "case-1", "case-2", "--author", "ada", "--note", "another customer")
    found = first_label(settings)
    assert said == f"case-1 without case-2: label {found['label_id']} recorded\n"
    assert (found["entity_kind"], found["entity_id"], found["verdict"]) == ("link", "case-1/case-2", "split")
