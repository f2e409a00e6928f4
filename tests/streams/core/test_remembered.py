"""Caches of strangers' words: so many, and none of them long."""

from __future__ import annotations

import ast
import tracemalloc
from pathlib import Path

from streams.core.remembered import MAX_WORD_CHARACTERS, remembered

ROOT = Path(__file__).resolve().parents[3]


def test_long_words_are_computed_anew_and_short_ones_once() -> None:
    seen = []

    @remembered(calls=10)
    def note(first: object, second: object = None) -> None:
        seen.append((first,) if second is None else (first, second))

    @remembered(calls=10)
    def note_one(word: object) -> None:
        seen.append((word,))

    short, long = "a" * MAX_WORD_CHARACTERS, "a" * (MAX_WORD_CHARACTERS + 1)
    for _ in range(2):
        note(short)
        note(long)
        note_one(("b", short))
        note_one(long)
        note("a" * 200, "b" * 200)
    assert [len(words) for words in seen] == [1, 1, 1, 1, 2, 1, 1, 1, 2]


def test_a_stranger_cannot_fill_the_memory_with_long_words() -> None:
    length = remembered(calls=1 << 16)(len)
    tracemalloc.start()
    for number in range(300):
        length(f"{number}" + "x" * 100_000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


def test_no_module_keeps_strangers_words_in_another_cache() -> None:
    kept = [
        str(path.relative_to(ROOT))
        for room in ("streams", "models", "dashboards")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lru_cache"
    ]
    # the last four lines of a log, the names in the last 64 blocks' heads, and the last four records of feedback, a record each at most;
    # and the cache that is bounded
    bounded = ["streams/core/remembered.py", "streams/intake/formats/format.py", "streams/schema/blocks.py"]
    assert sorted(kept) == [*bounded, "streams/stages/accounts/stage.py"]
