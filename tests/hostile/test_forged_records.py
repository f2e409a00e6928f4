"""Who reaches the broker without a role's key is believed in nothing: a real worker sets such records aside, and no score moves."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from kafka import KafkaProducer

from streams.core.settings import Settings
from streams.intake.block_producer import send_files
from streams.schema import blocks, layouts, topics
from streams.schema.signatures import Signatures
from streams.testing.builders import embedded_broker, records_of
from streams.testing.processes import hydrometer, wait_until_read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KEY, OTHER = "only-for-this-test-signing", "of-somebody-else"
START = time.time() // 60 * 60 - 3_600.0
NAMES = [name for name in (f"a{number}" for number in range(200)) if topics.partition_of(name, 2) == 0][:40]
"""Accounts of the first partition: the second has nothing to say, so that all votes of others are forged ones."""
BUCKETS = int(layouts.TALLIES.widths["votes"])


def tally(votes: float) -> bytes:
    """Return what the second partition would say of its accounts' votes."""
    return layouts.TALLIES.encode({"time": [START], "source": [1.0], "histogram": ["score"], "votes": [[votes] * BUCKETS]})


FEEDBACK = layouts.FEEDBACK.encode({"account_id": [NAMES[0]], "template": [0], "router": [0], "upgrade": [0], "until": [START + 1e6]})


def signatures(secret: str) -> Signatures:
    return Signatures.of(Settings.model_validate({"mode": "local", "signing_key": secret}), "worker", "analyst")


def forgeries() -> list[tuple[str, bytes, list[tuple[str, bytes]], str]]:
    """Return topic, value, headers and the reason for which each is set aside."""
    stranger, insider = signatures(OTHER), signatures(KEY)
    unsigned = [(topics.FEEDBACK, value) for value in (FEEDBACK, tally(1e38), tally(1_000.0))]
    foreign = [(topic, value, stranger.sign(topic, None, value), "bad_signature") for topic, value in unsigned]
    absurd = [(topics.FEEDBACK, tally(votes)) for votes in (1e38, -1.0, float("inf"), float("nan"))]
    known = [(topic, value, insider.sign(topic, None, value), "block_layout") for topic, value in absurd]
    moved = (topics.FEEDBACK, tally(1_000.0), insider.sign(topics.GROUPS, None, tally(1_000.0)), "bad_signature")
    return [*((topic, value, [], "unsigned") for topic, value in unsigned), *foreign, *known, moved]


def log(folder: Path, minutes: range) -> Path:
    """Write some minutes of ordinary requests."""
    path = folder / f"{minutes.start}.jsonl"
    events = (
        {
            "timestamp": START + 60.0 * number + place,
            "event.id": f"{name}-{number}",
            "account.id": name,
            "payment.hash": f"card-{place}",
            "gen_ai.usage.input_tokens": 10 + place,
            "gen_ai.usage.output_tokens": 20 + number,
            "prompt": f"What is {place} times {number}, and why?",
        }
        for number in minutes
        for place, name in enumerate(NAMES)
    )
    path.write_text("\n".join(map(json.dumps, events)))
    return path


def scores(folder: Path, *, attacked: bool) -> tuple[dict[str, tuple[float, ...]], Counter[str]]:
    """Return what a worker says of each account after that hour, and why it set records aside."""
    with embedded_broker() as kafka:
        given = {"SIGNING_KEY": KEY, "KAFKA": kafka, "PARTITIONS": "2", "STATE_DIR": str(folder / "state"), "CHECKPOINT_SECONDS": "1"}
        settings = Settings.model_validate({"mode": "local", "kafka": kafka, "partitions": 2, "signing_key": KEY})
        topics.ensure(settings)
        producer = KafkaProducer(bootstrap_servers=kafka)
        with hydrometer("worker", "accounts", log=folder / "worker", **given) as worker:
            for minutes in (range(30), range(30, 60)):
                send_files([log(folder, minutes)], settings)
                wait_until_read(settings, topics.ACCOUNTS_AGENT, topics.REQUESTS, topics.FEEDBACK, running=worker)
                for topic, value, headers, _ in forgeries() if attacked else ():
                    producer.send(topic, value, partition=0, headers=headers).get(timeout=20)
                wait_until_read(settings, topics.ACCOUNTS_AGENT, topics.REQUESTS, topics.FEEDBACK, running=worker)
        producer.close()
        letters = Counter(dict(record.headers)["reason"].decode() for record in records_of(kafka, topics.DEAD_LETTERS))
        last: dict[str, tuple[float, ...]] = {}
        for record in records_of(kafka, topics.SCORES):
            block = blocks.decode(record.value, layouts.SCORES)
            columns = [block.numbers(name).tolist() for name in ("requests", "extraction", "routing")]
            last |= {str(name): tuple(row) for name, *row in zip(block.texts("entity_id"), *columns, strict=True)}
        return last, letters


def test_forged_records_are_set_aside_and_move_no_score(tmp_path: Path) -> None:
    for name in ("calm", "attacked"):
        (tmp_path / name).mkdir()
    calm, none = scores(tmp_path / "calm", attacked=False)
    attacked, letters = scores(tmp_path / "attacked", attacked=True)
    assert not none
    assert letters == Counter(reason for *_, reason in 2 * forgeries())
    assert len(calm) == len(NAMES)
    assert attacked == calm
