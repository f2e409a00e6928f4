"""An end is an offset, and no record: who compares a position with the end of a partition must know what stands between.

Transactions' ends, compaction and retention leave offsets without a record. A reader that waits for one waits for ever. So each place that
asks Kafka for an end is listed here, with the reason why such an offset does not keep it waiting; what waits is counted by
`streams.kafka.progress` and `streams.kafka.empty_offsets`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import streams

ROOM = Path(streams.__file__).parent
ASKS = {"end_offsets", "highwater", "highwaters", "LATEST"}
KNOWN = {
    "backup/logs.py": "ends are kept as offsets; what waits is counted by `progress.waiting`",
    "exports/erasure.py": "a consumer begins to read there",
    "exports/forward.py": "compared with a consumer's position, which passes over what is no record",
    "intake/raw_topic.py": "where a topic ended when the fuse blew: an offset to seek to",
    "kafka/log_range.py": "compared with a consumer's position, which passes over what is no record",
    "kafka/progress.py": "it looks whether there is a record",
    "schema/topics.py": "`ends`, for `progress.passed`, and how many offsets a topic ever had",
    "testing/builders.py": "compared with a consumer's position, which passes over what is no record",
    "worker/engine.py": "what is empty before the end is passed over; state that is ahead of its topic is thousands of offsets ahead",
    "worker/supervisor.py": "what is empty before the end is passed over",
}


def asking(path: Path) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in ASKS for node in ast.walk(ast.parse(path.read_text())))


def test_every_place_that_asks_for_an_end_says_why_it_does_not_wait_for_an_offset_without_a_record() -> None:
    assert {str(path.relative_to(ROOM)) for path in ROOM.rglob("*.py") if asking(path)} == KNOWN.keys()
