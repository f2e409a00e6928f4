"""Tests are dealt to processes so that what is slow to make is made once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {"tests/streams/core/test_printable.py", "tests/streams/core/test_spreadsheet.py"}
"""Two files of several tests that import and do little."""


@pytest.mark.slow
def test_the_tests_of_a_file_run_in_one_process() -> None:
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--no-loadscope-reorder", "-p", "no:cacheprovider", *sorted(FILES)]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    dealt = set(re.findall(r"\[(gw\d)\].* (tests/\S+?\.py)::", text))
    assert {file for _, file in dealt} == FILES
    assert len(dealt) == len(FILES)
