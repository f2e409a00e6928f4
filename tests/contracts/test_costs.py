"""What a byte costs `collect` does not depend on what is in it: no accepted line is many times as dear as ordinary ones.

No shape is listed here. Each sample of each format is taken apart, and every place in it is filled with equal small values of every kind,
as many as 4 KB hold: always with the simplest, and with others by a seed. What seems dear is measured again, so that a busy machine decides
nothing.
"""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from streams.core.settings import Settings
from streams.intake.collector import Collector

SAMPLES: Final = Path(__file__).parents[1] / "streams" / "intake" / "formats" / "samples"
SETTINGS: Final = Settings(mode="local", partitions=2)
FILES: Final = [file for file in sorted(SAMPLES.glob("*.jsonl")) if ".expected" not in file.name]
FILLED_BYTES: Final = 4_000
MOST_TIMES: Final = 3.0
"""Times what a byte of an ordinary line of as many bytes costs, alone in its block as they are. A list of empty messages was at 5.7, until
the dearest lines were at 2.1, on 2026-11-30."""
AGAIN: Final = 8
ALWAYS: Final = (
    *("0", "null", "NaN", '"a"', '""', '"1"', '"a b"', r'"\ud800"', '"{}"', '"[]"', "{}", "[]", "[[]]"),
    '{"role":"user","content":"a"}',
)
NAMES: Final = ("a", "role", "content", "text", "parts", "name", "key", "value", "stringValue", "intValue", "arrayValue", "kvlistValue")
"""What parsers look for in an item."""
VALUES: Final = ("0", '""', '"a"', "[]", "{}", "[{}]", '[{"text":"a"}]', '{"values":[]}')
OBJECTS: Final = [f'{{"{name}":{value}}}' for name in NAMES for value in VALUES]
OBJECTS_A_PLACE: Final = 8
SEED: Final = 17


def places(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to each value within a sample; of a list to the first two."""
    if way:
        yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for name, item in inner:
        yield from places(item, (*way, name))


def with_mark(sample: Any, way: tuple[str | int, ...]) -> str:
    """Return a sample as JSON, with a mark where a way leads."""
    changed = holder = copy.deepcopy(sample)
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = "@MARK@"
    return json.dumps(changed)


def shapes(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and lines: each place of a format's samples, filled with each piece."""
    seen, drawn = set[tuple[str | int, ...]](), random.Random(SEED)
    for sample in (json.loads(line) for line in file.read_bytes().splitlines() if line.startswith(b"{")):
        for way in places(sample):
            kind = tuple("#" if isinstance(step, int) else step for step in way)
            if kind in seen:
                continue
            seen.add(kind)
            marked = with_mark(sample, way)
            for piece in (*ALWAYS, *drawn.sample(OBJECTS, OBJECTS_A_PLACE)):
                filled = f"[{','.join([piece] * (FILLED_BYTES // (len(piece) + 1)))}]"
                yield f"{file.stem} {'/'.join(map(str, way))} {piece}", marked.replace('"@MARK@"', filled).encode()


def nanoseconds_a_byte(lines: list[bytes], times: int = 1) -> float:
    """Return what a byte of these lines costs, the least of so many times; 0 when no event of them is accepted."""
    least, now = float("inf"), time.time()
    for _ in range(times):
        collector = Collector(SETTINGS, backfill=True)
        began = time.thread_time_ns()
        accepted = collector.add(lines, "test", now).accepted
        collector.flush()
        if not accepted:
            return 0.0
        least = min(least, (time.thread_time_ns() - began) / sum(map(len, lines)))
    return least


def ordinary() -> float:
    """Return what a byte of a request costs whose prompt is a text."""
    fields = {"timestamp": time.time(), "event.id": "e", "account.id": "a", "prompt": "Translate this, please. " * (FILLED_BYTES // 24)}
    return nanoseconds_a_byte([json.dumps(fields).encode()], 10 * AGAIN)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_accepted_line_costs_a_byte_many_times_what_ordinary_lines_do(file: Path) -> None:
    most = MOST_TIMES * ordinary()
    dear = [(name, line) for name, line in shapes(file) if nanoseconds_a_byte([line]) > most]
    still = {name: cost for name, line in dear if (cost := nanoseconds_a_byte([line], AGAIN)) > most}
    assert {name: cost for name, cost in still.items() if cost > MOST_TIMES * ordinary()} == {}
