from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.checkout import ROOT
from streams.cli.new_hypothesis import new_hypothesis
from streams.core.errors import HydrometerError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for package in ("streams", "models"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/streams/cases/benign_hypotheses").mkdir(parents=True)
    return tmp_path


def test_a_new_hypothesis_is_two_files_that_are_found_and_a_test_that_fails(checkout: Path) -> None:
    paths = new_hypothesis("night_school", checkout)
    assert [path.relative_to(checkout).as_posix() for path in paths] == [
        "streams/cases/benign_hypotheses/night_school.py",
        "tests/streams/cases/benign_hypotheses/test_night_school.py",
    ]
    run = [sys.executable, "-m"]
    lint = [*run, "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *map(str, paths)]
    linted = subprocess.run(lint, cwd=checkout, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout
    test = [*run, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(paths[1])]
    tested = subprocess.run(test, cwd=checkout, capture_output=True, text=True, check=False).stdout
    assert "1 failed" in tested
    assert "say here what night_school answers" in tested
    show = "from streams.cases.hypothesis import hypotheses; print(list(hypotheses())[-1])"
    assert subprocess.run([sys.executable, "-c", show], cwd=checkout, capture_output=True, text=True, check=True).stdout == "night school\n"


@pytest.mark.parametrize("name", ["Night", "night school", "2night", "night-school", "class", "../night", ""])
def test_a_name_that_is_not_plain_words_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a hypothesis"):
        new_hypothesis(name, checkout)


def test_a_name_that_exists_is_refused(checkout: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_hypothesis("batch_job", checkout)


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_hypothesis("night_school", tmp_path)
