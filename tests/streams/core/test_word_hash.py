"""Words as numbers: the same in every process, and never the number that means "unknown"."""

from __future__ import annotations

import subprocess
import sys

from streams.core.word_hash import hash_word


def test_a_word_has_the_same_hash_in_another_process() -> None:
    script = "from streams.core.word_hash import hash_word; print(hash_word('python'))"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(other.stdout) == hash_word("python")


def test_no_word_has_the_hash_of_an_unknown_one() -> None:
    assert 0 not in {hash_word(word) for word in ("", "0", "unknown", "python")}
    assert hash_word("python") != hash_word("Python")
