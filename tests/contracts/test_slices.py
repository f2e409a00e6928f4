"""`make test` stays quick: a test that does too much fails unless it is marked, and every mark has a make target that CI runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from streams.testing.work import MAX_PROCESSES, SLICES

ROOT = Path(__file__).resolve().parents[2]
STARTS_TOO_MANY = f"""
import subprocess, sys, pytest

def starts(count):
    for _ in range(count):
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)

@pytest.fixture(scope="session")
def shared():
    starts({MAX_PROCESSES + 1})

def test_as_many_as_allowed(): starts({MAX_PROCESSES})
def test_one_too_many(): starts({MAX_PROCESSES + 1})
@pytest.mark.slow
def test_marked(): starts({MAX_PROCESSES + 1})
def test_of_a_shared_fixture(shared): pass
"""


def test_a_test_that_starts_too_many_processes_fails_unless_it_is_marked_slow(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").symlink_to(ROOT / "tests" / "conftest.py")
    (tmp_path / "test_here.py").write_text(STARTS_TOO_MANY)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 failed, 3 passed" in ended.stdout, ended.stdout
    assert "FAILED test_here.py::test_one_too_many" in ended.stdout
    assert "mark it @pytest.mark.slow" in ended.stdout


def marks() -> set[str]:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    return {mark.partition(":")[0] for mark in options["markers"]}


def test_every_mark_that_make_test_leaves_out_is_declared_and_has_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert marks() == SLICES
    for mark in SLICES:
        assert re.search(rf"-m pytest .*-m {mark}\b", makefile.replace("$(BIN)/python", "")), mark


@pytest.mark.parametrize("target", ["test", "test-slow", "test-integration"])
def test_ci_runs_every_slice_that_does_not_time(target: str) -> None:
    listed = re.search(r"for target in ([\w\s-]+); do", (ROOT / ".ci" / "run").read_text())
    assert listed
    assert target in listed[1].split()


RUNS_US: Final = re.compile(r"^from streams\.testing\.(processes import .*\bhydrometer\b|durability import .*\bTrial\b)", re.MULTILINE)
"""Imports what runs `hydrometer`, or a worker, as a process of its own."""


def test_whoever_runs_us_as_a_process_is_of_another_slice() -> None:
    texts = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    running = {path for path, text in texts.items() if RUNS_US.search(text)}
    assert len(running) > 3
    assert [str(path) for path in running if not re.search(r"pytest\.mark\.(slow|integration)", texts[path])] == []


def test_a_part_is_tested_with_its_slow_tests() -> None:
    def marked(*variables: str) -> str:
        command = ["make", "--dry-run", "--old-file=.venv/.ready", "test", *variables]
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"MAKEFLAGS", "MAKEOVERRIDES", "COVERAGE", "DURATIONS", "RERUNS"}
        }
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=environment).stdout

    assert '-m "not integration and not speed and not slow"' in marked()
    assert re.search(r'-m "not integration and not speed" +tests/streams/cases\n', marked("SLICE=streams/cases"))
