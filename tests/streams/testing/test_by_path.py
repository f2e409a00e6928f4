"""A module that is run by path is loaded by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.testing.by_path import loaded


def test_a_module_is_loaded_from_its_file_and_a_missing_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a_program.py").write_text("ANSWER = 42\n")
    assert loaded(tmp_path / "a_program.py").ANSWER == 42
    with pytest.raises(FileNotFoundError):
        loaded(tmp_path / "another.py")
    with pytest.raises(ImportError, match="is no Python module"):
        loaded(tmp_path / "notes.txt")
