"""Bad input end to end: one clear outcome each, nothing else lost, and no prompt text anywhere behind `collect`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
import zstandard
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.devserver.system import System, local_system
from streams.intake.block_producer import send_files
from streams.schema import layouts, topics
from streams.worker.stored import unsealed

pytestmark = pytest.mark.slow

MARKER = "quokka-7f3a-marker"
"""Planted wherever a log holds text. Behind `collect` nobody may ever read it."""
START = time.time() // 60 * 60 - 24 * 3600.0
"""Yesterday: ClickHouse forgets requests after some weeks."""
GOOD = 300


def good(number: int, **more: Any) -> bytes:
    """Return a line that is accepted, full of text: the demonstration's own shape of an account that repeats a template."""
    return orjson.dumps(
        {
            "timestamp": START + number,
            "event.id": f"event-{number}",
            "account.id": f"account-{number % 7}",
            "payment.hash": f"card-{number % 2}",
            "gen_ai.request.model": "m-1",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "prompt": f"Write down, step by step, what {MARKER} says of number {number}, and show all of the reasoning behind it.",
            "system_prompt": f"You are {MARKER}.",
            **more,
        }
    )


def without(name: str, number: int) -> bytes:
    return orjson.dumps({key: value for key, value in orjson.loads(good(number)).items() if key != name})


REFUSED: dict[str, tuple[str, bytes]] = {
    "not JSON": ("not_json", f"plain words of {MARKER}".encode()),
    "half a line": ("truncated", good(9_001)[:-30]),
    "a text for a number": ("wrong_type", good(9_004, **{"gen_ai.usage.input_tokens": MARKER})),
    "an object for a text": ("wrong_type", good(9_005, **{"account.id": {MARKER: MARKER}})),
    "negative tokens": ("negative", good(9_007, **{"gen_ai.usage.output_tokens": -1})),
    "absurd tokens": ("absurd", good(9_008, **{"gen_ai.usage.output_tokens": 1e300})),
    "the year 1970": ("time_skew", good(9_009, timestamp="1970-01-02T00:00:00Z")),
    "the year 2200": ("time_skew", good(9_010, timestamp="2200-01-01T00:00:00Z")),
    "no account": ("missing_field", without("account.id", 9_011)),
    "no event id": ("missing_field", without("event.id", 9_012)),
    "no time": ("missing_field", without("timestamp", 9_013)),
}
ACCEPTED = {
    "a long prompt": good(9_014, prompt=MARKER * 6_000),
    "NaN": good(9_006).replace(b":10,", b":NaN,"),
    "invalid UTF-8": good(9_003).replace(b"step", b"\xff\xfe"),
    "10 MB": good(9_002, prompt=f"{MARKER} " * (10 << 20 >> 4)),
    "unknown fields": good(9_100, **{MARKER: MARKER, "tools": [{"name": MARKER, "description": MARKER}]}),
    "messages of the caller": good(9_101, messages=[{"role": "user", "content": MARKER}]),
    "a prompt of messages": good(9_102, prompt=[{"role": "user", "content": [{"type": "text", "text": MARKER}]}]),
}
OTHER_LAYOUT = layouts.FEEDBACK.encode({"account_id": ["a"], "template": [0], "router": [0], "upgrade": [0], "until": [1.0]})
TRUNCATED = OTHER_LAYOUT[: len(OTHER_LAYOUT) // 2]
DEEP = b'{"title": "", "nobody reads this": ' + b"[" * 100_000
"""JSON whose nesting no reader follows."""
RECORDS = [
    (topics.REQUESTS, OTHER_LAYOUT),
    (topics.REQUESTS, TRUNCATED),
    (topics.REQUESTS, MARKER.encode()),
    (topics.GROUPS, TRUNCATED),
    (topics.EVIDENCE, TRUNCATED),
    (topics.FEEDBACK, TRUNCATED),
    (topics.LABELS, f'{{"verdict": "{MARKER}"}}'.encode()),
    (topics.LABELS, MARKER.encode()),
    (topics.ALERTS, f'{{"summary": "{MARKER}"}}'.encode()),
    (topics.CASES, f'{{"title": "{MARKER}"}}'.encode()),
    *((topic, DEEP) for topic in (topics.LABELS, topics.ALERTS, topics.CASES)),
]
"""What no process of ours would send."""
PLANTED = {value for _, value in RECORDS}


@dataclass
class Run:
    """What was left behind, once everything had been sent, read and stored."""

    counts: Counter[str]
    folder: Path
    records: list[Any] = field(default_factory=list)
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("hostile")
    first, second = folder / "first.jsonl", folder / "second.jsonl"
    lines = [good(number) for number in range(GOOD)]
    for place, (_, line) in enumerate(REFUSED.values()):
        lines.insert(10 + 15 * place, line)
    first.write_bytes(b"\n".join([*lines, good(0), *ACCEPTED.values()]) + b"\n")
    second.write_bytes(b"\n".join(good(1_000 + number) for number in range(GOOD)) + b"\n")
    with local_system(folder / "system", checkpoint_seconds=1.0, block_events=64) as system:
        system.start("all", ())
        counts = send_files([first], system.settings)
        send(system, RECORDS)
        counts += send_files([second], system.settings)
        found = Run(counts, folder)
        wait_for(system, 2 * GOOD + len(ACCEPTED))
        system.stop()
        found.records = list(every_record(system))
        found.tables = every_row(system)
    first.unlink()
    second.unlink()
    return found


def send(system: System, records: list[tuple[str, bytes]]) -> None:
    producer = KafkaProducer(bootstrap_servers=system.settings.kafka)
    with closing(producer):
        for topic, value in records:
            producer.send(topic, value, partition=0, key=None if topic != topics.LABELS else b"label").get(timeout=30)


def wait_for(system: System, requests: int) -> None:
    """Wait until the requests and all dead letters are stored: those of collect, of the stages, and of the store itself."""
    letters = len(REFUSED) + len(RECORDS) + sum(topic in {topics.REQUESTS, topics.LABELS} for topic, _ in RECORDS)
    give_up = time.monotonic() + 60
    with system.client() as client:
        while time.monotonic() < give_up:
            system.check()
            stored = client.execute("SELECT (SELECT count() FROM requests), (SELECT sum(count) FROM dead_letters)")[0]
            if stored == (requests, letters):
                return
            time.sleep(0.3)
    raise TimeoutError(f"stored {stored} requests and dead letters of {(requests, letters)}")


def every_record(system: System) -> Iterator[Any]:
    consumer = KafkaConsumer(bootstrap_servers=system.settings.kafka, auto_offset_reset="earliest", consumer_timeout_ms=2_000)
    with closing(consumer):
        names = [name for name in consumer.topics() if not name.startswith("__")]
        consumer.assign([TopicPartition(name, place) for name in names for place in consumer.partitions_for_topic(name)])
        yield from consumer


def every_row(system: System) -> dict[str, list[tuple[Any, ...]]]:
    columns: dict[str, list[str]] = {}
    with system.client() as client:
        asked = "SELECT table, name FROM system.columns WHERE database = currentDatabase() "
        asked += "AND type NOT LIKE 'AggregateFunction%' AND default_kind != 'EPHEMERAL'"
        for name, column in client.execute(asked):
            columns.setdefault(name, []).append(column)
        return {name: client.execute(f"SELECT {', '.join(found)} FROM {name}") for name, found in columns.items()}  # noqa: S608


def decompressed(value: bytes) -> bytes:
    """Return what is inside: a block as text, a chunk of state, or the bytes themselves."""
    try:
        with pa.ipc.open_stream(value) as reader:
            return str(reader.read_all().to_pylist()).encode()
    except (pa.ArrowInvalid, OSError):
        pass
    try:
        return zstandard.decompress(value, max_output_size=256 << 20)
    except zstandard.ZstdError:
        return value


def test_each_bad_line_is_refused_for_one_reason_and_all_others_are_accepted(run: Run) -> None:
    refused = Counter(reason for reason, _ in REFUSED.values())
    assert run.counts == Counter({"accepted": 2 * GOOD + len(ACCEPTED), "duplicate": 1, **refused})


def test_every_refused_line_is_a_dead_letter_with_its_reason(run: Run) -> None:
    letters = [dict(record.headers) for record in run.records if record.topic == topics.DEAD_LETTERS]
    ours = Counter(letter["reason"].decode() for letter in letters if letter["source"].endswith(b".jsonl"))
    assert ours == Counter(reason for reason, _ in REFUSED.values())


def test_every_record_that_no_stage_can_read_is_a_dead_letter_that_says_where_it_lies(run: Run) -> None:
    letters = [dict(record.headers) for record in run.records if record.topic == topics.DEAD_LETTERS]
    found = Counter((letter["source"].decode(), letter["reason"].decode()) for letter in letters)
    assert {key: count for key, count in found.items() if not key[0].endswith(".jsonl")} == {
        (topics.REQUESTS, "block_layout"): 3,
        (topics.GROUPS, "unsigned"): 1,
        (topics.EVIDENCE, "unsigned"): 1,
        (topics.FEEDBACK, "unsigned"): 1,
        (topics.LABELS, "unsigned"): 3,
    }


def test_every_good_event_around_them_is_stored_once(run: Run) -> None:
    ids = Counter(str(value) for row in run.tables["requests"] for value in row if str(value).startswith("event-"))
    assert ids == Counter(
        {f"event-{number}": 1 for number in (*range(GOOD), *range(1_000, 1_000 + GOOD), 9_002, 9_003, 9_006, 9_014, 9_100, 9_101, 9_102)}
    )


def test_the_text_of_a_prompt_is_in_no_record(run: Run) -> None:
    records = [record for record in run.records if record.value not in PLANTED]
    assert {record.topic for record in records} >= {topics.REQUESTS, topics.GROUPS, topics.SCORES, topics.DEAD_LETTERS}
    assert any(topics.changelog(topics.ACCOUNTS_AGENT) == record.topic for record in records)
    blocks_of_requests = [decompressed(record.value) for record in records if record.topic == topics.REQUESTS]
    assert all(b"account-" in value for value in blocks_of_requests), "nothing was decompressed, so nothing would be found"
    for record in records:
        changed = record.topic.endswith("changelog")
        value = decompressed(unsealed(record.value or b"") if changed else record.value or b"")
        whole = (record.value or b"", value, record.key or b"", *(word for _, word in record.headers))
        assert not any(MARKER.encode() in part for part in whole), (record.topic, record.partition, record.offset)


def test_the_text_of_a_prompt_is_in_no_table(run: Run) -> None:
    assert run.tables["requests"]
    assert run.tables["dead_letters"]
    for name, rows in run.tables.items():
        assert MARKER not in str(rows), name


def test_the_text_of_a_prompt_is_in_no_file_and_no_log(run: Run) -> None:
    files = [path for path in run.folder.rglob("*") if path.is_file()]
    assert any(path.name == "worker-all.log" for path in files)
    for path in files:
        assert MARKER.encode() not in path.read_bytes(), path
