"""What the desk sends is on its topic when the form returns, signed so that readers believe it."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from streams.core.errors import MalformedEventError
from streams.core.settings import Settings
from streams.desk import acting
from streams.desk.sessions import Person
from streams.schema import topics
from streams.schema.signatures import Signatures
from streams.testing.builders import embedded_broker

ADA, BOB = Person("ada", "analyst"), Person("bob", "approver")


def test_each_record_is_believed_on_its_topic(tmp_path: Path) -> None:
    with embedded_broker() as bootstrap:
        settings = Settings.load({"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": bootstrap, "HYDROMETER_STATE_DIR": str(tmp_path)})
        topics.ensure(settings)
        proposed = acting.proposal(ADA, "case-1", "ban", {"acct-1": []}, {"days": 7, "clause": "c", "reason": "r"})
        sent = acting.KafkaOutbox(settings).send(
            [
                acting.label(ADA, ("case", "case-1"), "benign", "a course", "education"),
                acting.action(ADA, "own", "case-1", "ada"),
                acting.approved(BOB, proposed),
            ]
        )
        read = [_first(settings, topic) for topic in (topics.LABELS, topics.ACTIONS, topics.ENFORCEMENT)]
        assert [value for _, value, _ in read] == [record.encode() for record in sent]
        believes = Signatures.of(settings, "analyst")
        for topic, (key, value, headers) in zip((topics.LABELS, topics.ACTIONS, topics.ENFORCEMENT), read, strict=True):
            assert believes.refusal(topic, key, value, headers) is None
            assert believes.refusal(topic, key, value.replace(b"case-1", b"case-2"), headers) is not None


def _first(settings: Settings, topic: str) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topic, 0)])
        for record in consumer:
            return record.key, record.value, list(record.headers)
    finally:
        consumer.close()
    raise AssertionError


def test_a_decision_is_approved_once_and_not_after_it_was_undone() -> None:
    proposed = acting.proposal(ADA, "case-1", "ban", {"acct-1": []}, {"days": 7, "clause": "c", "reason": "r"})
    approved = acting.approved(BOB, proposed)
    for decision in (approved, acting.undone(BOB, approved)):
        with pytest.raises(MalformedEventError, match="only a proposed one can be approved"):
            acting.approved(BOB, decision)
    with pytest.raises(MalformedEventError, match="by another person than its author"):
        acting.approved(Person("ada", "approver"), proposed)


def test_a_decision_about_some_accounts_keys_and_whole_others_is_refused() -> None:
    wanted = {"days": 7, "clause": "c", "reason": "r"}
    with pytest.raises(MalformedEventError, match="of every account or of none"):
        acting.proposal(ADA, "case-1", "suspend_key", {"acct-1": ["key-1"], "acct-2": []}, wanted)
    assert acting.proposal(ADA, "case-1", "suspend_key", {"acct-1": ["key-1"], "acct-2": ["key-2"]}, wanted).payload.members
