"""Which records are saved, and at which offsets they come back."""

from __future__ import annotations

from kafka import TopicPartition

from streams.backup import logs
from streams.backup.logs import TopicPosition
from streams.backup.manifest import SavedPartition
from streams.clickhouse.rows import STORED
from streams.kafka.log_range import LogRecord
from streams.schema import topics
from streams.schema.access import ROLES

REQUESTS, LABELS, RAW = (TopicPartition(name, 0) for name in (topics.REQUESTS, topics.LABELS, topics.REQUESTS_RAW))


def position(begin: int, end: int, **committed: int) -> TopicPosition:
    """Return a partition of requests from one offset to another, and how far each agent has read it."""
    return TopicPosition(
        {REQUESTS: begin}, {REQUESTS: end}, {topics.group_of(agent): {REQUESTS: offset} for agent, offset in committed.items()}
    )


def test_what_the_slowest_reader_has_not_read_is_saved() -> None:
    assert position(10, 90, accounts=70, store=60, cases=5).first_needed(REQUESTS) == 60


def test_a_reader_that_never_read_needs_everything_that_is_left() -> None:
    assert position(10, 90, accounts=70).first_needed(REQUESTS) == 10


def test_what_everybody_has_read_is_not_saved() -> None:
    assert position(10, 90, accounts=90, store=90).first_needed(REQUESTS) == 90
    assert position(95, 95, accounts=90, store=90).first_needed(REQUESTS) == 95, "it has expired"


def test_compacted_topics_are_saved_as_a_whole() -> None:
    changelog = TopicPartition(topics.changelog(topics.CASES_AGENT), 0)
    groups = {topics.group_of(agent): {LABELS: 9} for agent in (topics.CASES_AGENT, topics.STORE_AGENT)}
    found = TopicPosition({LABELS: 3, changelog: 4}, {LABELS: 9, changelog: 8}, groups)
    assert [found.first_needed(tp) for tp in (LABELS, changelog)] == [3, 4]


def test_records_of_others_are_counted_and_may_change() -> None:
    found = TopicPosition({RAW: 2}, {RAW: 9}, {topics.group_of(topics.COLLECT): {RAW: 5}})
    assert found.unread_raw() == {RAW: (5, 9)}
    assert found.settled()[0] == {}


def test_every_topic_that_an_agent_may_read_is_among_those_it_reads() -> None:
    allowed = {topic for role in ROLES if role.name in {"worker", "store"} for topic in role.reads}
    assert {topic for names in logs.reads().values() for topic in names} == allowed
    assert logs.reads()[topics.STORE_AGENT] == STORED


def sent(topic: str, *offsets: int, end: int) -> list[str]:
    """Return what is sent for records at these offsets: their letters, and a dot for each filler."""
    records = [LogRecord(offset, b"k", b"abcdefghij"[offset : offset + 1]) for offset in offsets]
    made = logs.with_fillers(SavedPartition(topic, 0, min(offsets, default=end), end), records)
    return ["." if record.value is None else record.value.decode() for record in made]


def test_fillers_stand_where_no_record_was() -> None:
    assert sent(topics.REQUESTS, 2, 3, end=4) == [".", ".", "c", "d"]
    assert sent(topics.LABELS, 0, 3, end=5) == ["a", ".", ".", "d", "."]
    assert sent(topics.SCORES, end=3) == [".", ".", "."]


def test_a_changelog_comes_back_without_gaps() -> None:
    assert sent(topics.changelog(topics.GROUPS_AGENT), 4, 7, end=9) == ["e", "h"]


def test_a_record_of_nothing_and_a_header_of_nothing_can_be_sent() -> None:
    given = LogRecord(0, None, None, 5, (("h", None),))
    assert list(logs.with_fillers(SavedPartition(topics.REQUESTS, 0, 0, 1), [given])) == [LogRecord(0, b"", None, 5, (("h", b""),))]
