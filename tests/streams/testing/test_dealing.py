"""What takes longest is dealt first."""

from __future__ import annotations

from pathlib import Path

from streams.testing.dealing import longest_first, read_durations, write_durations

SLOW, QUICK, OTHER = "tests/test_slow.py::test_a", "tests/test_quick.py::test_b", "tests/test_quick.py::test_c"


def home(name: str) -> str:
    return name.partition("::")[0]


def test_a_file_that_takes_longer_comes_first_and_its_tests_stay_in_order() -> None:
    assert longest_first([OTHER, QUICK, SLOW], home, {SLOW: 9.0}) == [SLOW, OTHER, QUICK]
    assert longest_first([SLOW, OTHER, QUICK], home, {SLOW: 9.0, QUICK: 8.0, OTHER: 2.0}) == [OTHER, QUICK, SLOW]


def test_without_durations_the_file_of_more_tests_comes_first() -> None:
    assert longest_first([SLOW, QUICK, OTHER], home, {}) == [QUICK, OTHER, SLOW]


def test_tests_that_did_not_run_keep_their_durations_until_their_file_is_gone(tmp_path: Path) -> None:
    durations, folder = tmp_path / "durations.json", tmp_path / "tests"
    folder.mkdir()
    (folder / "test_slow.py").touch()
    write_durations(durations, {SLOW: 9.04, QUICK: 2.0}, tmp_path)
    assert read_durations(durations) == {SLOW: 9.0, QUICK: 2.0}
    write_durations(durations, {OTHER: 0.1}, tmp_path)
    assert read_durations(durations) == {SLOW: 9.0}
