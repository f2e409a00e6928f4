"""A record with a valid signature that comes again moves nothing: as it was, to another partition or topic, under another key, and later.

Later is: when newer ones have replaced it, when what it says was withdrawn or undone, and when the key that signed it was replaced. What is
sent are copies of all kinds of signed records that real processes and people wrote.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import pytest
from kafka import KafkaProducer

from streams.cases.labels import make
from streams.clickhouse import rows
from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.desk import acting
from streams.desk.acting import KafkaOutbox
from streams.desk.sessions import Person
from streams.devserver.system import System, local_system
from streams.intake.block_producer import send_files
from streams.schema import topics
from streams.schema.labels import WITHDRAWN
from streams.schema.signatures import SIGNED
from streams.testing.builders import records_of
from streams.testing.processes import Running, hydrometer, wait_until_read
from streams.worker.agents import accounts, cases, groups

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NOW, NEXT = "of-this-year-and-for-this-test", "of-next-year-and-for-this-test"
PARTITIONS: Final = 2
EVENTS: Final = 6_000
EVERY: Final = 5
"""Of the records of machines one in so many is sent again, of people's every one."""
QUIET_SECONDS: Final = 6.0
READERS: Final[Mapping[str, Sequence[str]]] = {
    **{
        inputs.agent: [name for name in (inputs.topic, inputs.feedback) if name]
        for inputs in (accounts.INPUTS, groups.INPUTS, cases.INPUTS)
    },
    topics.STORE_AGENT: rows.STORED,
}
ANSWERS: Final[Mapping[str, str]] = {
    "requests": "SELECT count() FROM requests FINAL",
    "scores": "SELECT entity_kind, entity_id, argMax((extraction, routing), time) FROM scores FINAL GROUP BY ALL ORDER BY ALL",
    "alerts": "SELECT alert_id, time, state FROM alerts FINAL ORDER BY ALL",
    "cases": "SELECT case_id, version, state, extraction, routing, payload FROM cases FINAL ORDER BY ALL",
    "labels": "SELECT label_id, time, verdict FROM labels FINAL ORDER BY ALL",
    "actions": "SELECT * FROM actions FINAL ORDER BY ALL",
    "enforcement": "SELECT * FROM enforcement FINAL ORDER BY ALL",
}
"""What people and gateways are told."""


def answers(system: System) -> dict[str, list[tuple[object, ...]]]:
    with system.client() as client:
        return {name: client.execute(query) for name, query in ANSWERS.items()}


def settled(system: System, worker: Running) -> dict[str, list[tuple[object, ...]]]:
    """Return the answers once all is read, and nothing moves any more."""
    give_up, before = time.monotonic() + 240, dict[str, list[tuple[object, ...]]]()
    while time.monotonic() < give_up:
        for reader, names in READERS.items():
            wait_until_read(system.settings, reader, *names, running=worker, seconds=200)
        if (now := answers(system)) == before:
            return now
        before = now
        time.sleep(QUIET_SECONDS)
    raise TimeoutError("the answers do not come to rest")


def people(settings: Settings, case_id: str, account: str) -> None:
    """Let people say something, and take it back."""
    ada, bob = Person("ada", "analyst"), Person("bob", "approver")
    proposed = acting.proposal(ada, case_id, "step_up", {account: ["key"]}, {"days": 3, "clause": "4", "reason": "a trial"})
    approved = acting.approved(bob, proposed)
    undone = msgspec.structs.replace(acting.undone(bob, approved), time=approved.time + 1.0)
    comment = acting.action(ada, "comment", case_id, note="looked at")
    label = make("account", account, "distilling", "ada", "a note", at=time.time() - 60.0)
    withdrawn = msgspec.structs.replace(label, verdict=WITHDRAWN, time=label.time + 1.0)
    KafkaOutbox(settings).send([proposed, approved, undone, comment, label, withdrawn])


def send_again(settings: Settings) -> Counter[str]:
    """Send copies of what lies on each signed topic, in every way; return how many of each topic were sent."""
    copies = {topic: records_of(settings.kafka, topic) for topic in SIGNED}
    last = {topic.name: topic.partitions(settings) - 1 for topic in topics.TOPICS}
    sent: Counter[str] = Counter()
    with closing(KafkaProducer(bootstrap_servers=settings.kafka, acks="all", max_request_size=topics.MAX_RECORD_BYTES)) as producer:
        for topic, records in copies.items():
            moved = next(other for other in SIGNED if other != topic and SIGNED[other] == SIGNED[topic])
            for record in records[:: 1 if SIGNED[topic] == "analyst" else EVERY]:
                ways = [
                    (topic, record.key, record.partition),
                    (topic, record.key, PARTITIONS - 1 - record.partition),
                    (topic, b"another key", record.partition),
                    (moved, record.key, record.partition),
                ]
                for name, key, partition in ways:
                    producer.send(name, record.value, key, record.headers, min(partition, last[name]))
                    sent[name] += 1
        producer.flush()
    return sent


def test_signed_records_that_come_again_move_nothing(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"\n".join(islice(demo_traffic(accounts=600, events=20_000).lines(), EVENTS)))
    with local_system(tmp_path / "system", partitions=PARTITIONS, signing_key=NOW) as system:
        settings = system.settings
        topics.ensure(settings)
        given = {name.removeprefix("HYDROMETER_"): value for name, value in system.environment().items() if name.startswith("HYDROMETER_")}
        given |= {"CHECKPOINT_SECONDS": "1", "SIGNING_KEY": NOW}
        with hydrometer("worker", log=tmp_path / "first", **given) as worker:
            send_files([log], settings)
            known = settled(system, worker)
            assert known["cases"], "there is a case to move"
            people(settings, str(known["cases"][0][0]), "acct-1")
            before = settled(system, worker)
            assert all(before.values()), {name: len(found) for name, found in before.items()}
            sent = send_again(settings)
            assert SIGNED.keys() - sent.keys() == {topics.ERASURES}, "nobody was forgotten"
            assert settled(system, worker) == before
        for epoch, keys in enumerate(({"SIGNING_KEY": NEXT, "SIGNING_KEY_PREVIOUS": NOW}, {"SIGNING_KEY": NEXT})):
            with hydrometer("worker", log=tmp_path / f"epoch-{epoch}", **{**given, **keys}) as worker:
                send_again(settings)
                assert settled(system, worker) == before, keys
