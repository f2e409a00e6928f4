from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli.new_hypothesis import new_hypothesis
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT
from streams.testing.checkouts import copied, python


def made(folder: Path) -> Path:
    (folder / "tests/streams/cases/benign_hypotheses").mkdir(parents=True)
    return copied(folder, "streams", "models")


def test_a_new_hypothesis_is_two_files_that_are_found_and_a_test_that_fails(checkout: Path) -> None:
    paths = new_hypothesis("night_school", checkout)
    assert [path.relative_to(checkout).as_posix() for path in paths] == [
        "streams/cases/benign_hypotheses/night_school.py",
        "tests/streams/cases/benign_hypotheses/test_night_school.py",
    ]
    linted = python(checkout, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *map(str, paths))
    assert linted.returncode == 0, linted.stdout
    tested = python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(paths[1])).stdout
    assert "1 failed" in tested
    assert "say here what night_school answers" in tested
    show = "from streams.cases.hypothesis import hypotheses; print(list(hypotheses())[-1])"
    assert python(checkout, "-c", show).stdout == "night school\n"


@pytest.mark.parametrize("name", ["Night", "night school", "2night", "night-school", "class", "../night", ""])
def test_a_name_that_is_not_plain_words_is_refused(untouched: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a hypothesis"):
        new_hypothesis(name, untouched)


def test_a_name_that_exists_is_refused(untouched: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_hypothesis("batch_job", untouched)


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_hypothesis("night_school", tmp_path)
