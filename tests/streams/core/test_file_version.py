"""A file's version changes when the file is written or replaced."""

from __future__ import annotations

import os
from pathlib import Path

from streams.core.file_version import file_version


def test_a_file_that_is_only_read_keeps_its_version(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("one")
    before = file_version(path)
    path.read_text()
    assert before == file_version(path) is not None


def test_other_content_and_another_file_of_the_same_time_and_size_are_new_versions(tmp_path: Path) -> None:
    path, other = tmp_path / "policy.toml", tmp_path / "policy.new"
    versions = []
    for text in ("one", "four", "six!"):
        other.write_text(text)
        os.utime(other, (100.0, 100.0))
        other.rename(path)
        versions.append(file_version(path))
    path.write_text("again")
    versions.append(file_version(path))
    assert len({*versions}) == 4


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert file_version(tmp_path / "nowhere.toml") is None
