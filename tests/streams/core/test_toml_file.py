"""Every TOML file of ours is refused in one line, whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.cases.policy import Policy
from streams.core.errors import SettingsError
from streams.core.toml_file import MAX_TOML_DEPTH_LEVELS, read_toml
from streams.intake.formats.mapping import mapping

READERS: dict[str, Callable[[Path], object]] = {
    "policy": lambda path: Policy.load(None, path),
    "permitted parties": Policy.load,
    "mapping": lambda path: mapping(str(path)),
}
NONSENSE = {
    "nothing": b"[fields",
    "not UTF-8": b"\xff",
    "deep arrays": b"a = " + b"[" * 3_000 + b"]" * 3_000,
    "deep tables": b"[fields]\n" + b".".join([b"a"] * 3_000) + b' = "x"',
    "a table too deep": b"a" + b".a" * (MAX_TOML_DEPTH_LEVELS + 1) + b" = 1",
}


@pytest.mark.parametrize("content", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_nonsense_is_one_line_that_names_the_file(tmp_path: Path, read: Callable[[Path], object], content: bytes) -> None:
    path = tmp_path / "some.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"some\.toml") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_unit_that_is_no_word_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text('[fields]\n"timestamp" = {at = "began", unit = ["milliseconds"]}\n')
    with pytest.raises(SettingsError, match="unit"):
        mapping(str(path))


def test_what_is_not_too_deep_is_read(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text("a" + ".a" * (MAX_TOML_DEPTH_LEVELS - 2) + " = 1")
    assert list(read_toml(path, "")) == ["a"]
