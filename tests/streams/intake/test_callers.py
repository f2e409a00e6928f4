"""Tokens by source: who is known, who is not, and a file that somebody is editing."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.core.errors import SettingsError
from streams.core.settings import Settings
from streams.intake.callers import Callers, read_tokens


def test_a_token_is_one_sources_and_a_source_is_one_caller(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# gateways\neast aaaaaaaaaaaaaaaa\n\nwest bbbbbbbbbbbbbbbb\n")
    callers = Callers(Settings(mode="local", intake_tokens=path), 1.0, 1.0)
    east = callers.of("Bearer aaaaaaaaaaaaaaaa", 0.0)
    assert east is not None
    assert east.source == "east"
    assert callers.of("Bearer aaaaaaaaaaaaaaaa", 0.0) is east
    assert [callers.of(word, 0.0) for word in ("", "Bearer ", "Bearer aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "\udcff")] == [None] * 5


def test_a_file_that_cannot_be_read_for_a_moment_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("east aaaaaaaaaaaaaaaa\n")
    callers = Callers(Settings(mode="local", intake_tokens=path), 1.0, 1.0)
    path.write_text("half a line that somebody is still writing\n")
    assert callers.of("Bearer aaaaaaaaaaaaaaaa", 10.0) is not None
    path.write_text("east cccccccccccccccc\n")
    assert callers.of("Bearer aaaaaaaaaaaaaaaa", 20.0) is None
    assert callers.of("Bearer cccccccccccccccc", 20.0) is not None


def test_the_token_in_a_file_is_replaced_without_a_restart_and_a_shorter_one_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("aaaaaaaaaaaaaaaa\n")
    callers = Callers(Settings.load({"HYDROMETER_MODE": "local", "HYDROMETER_INTAKE_TOKEN_FILE": str(path)}), 1.0, 1.0)
    assert callers.of("Bearer aaaaaaaaaaaaaaaa", 0.0) is not None
    for unfit in ("", "short"):
        path.write_text(unfit)
        assert callers.of("Bearer aaaaaaaaaaaaaaaa", 10.0 + len(unfit)) is not None
    path.unlink()
    assert callers.of("Bearer aaaaaaaaaaaaaaaa", 20.0) is not None
    path.write_text("bbbbbbbbbbbbbbbb\n")
    assert callers.of("Bearer aaaaaaaaaaaaaaaa", 30.0) is None
    assert callers.of("Bearer bbbbbbbbbbbbbbbb", 30.0) is not None


@pytest.mark.parametrize("line", ["east short", "EAST aaaaaaaaaaaaaaaa", "http aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "a b c", "east \xff"])
def test_a_line_that_names_no_source_and_token_is_refused_without_being_quoted(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{line}\n", encoding="latin-1")
    with pytest.raises(SettingsError) as caught:
        read_tokens(path)
    assert "aaaa" not in str(caught.value)
