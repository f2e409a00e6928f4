"""Indicators are kept in one file, privately, and each ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.schema.indicators import (
    MAX_VALUE_CHARACTERS,
    Indicator,
    IndicatorKind,
    IndicatorsError,
    in_force,
    indicator_id,
    normal_value,
    read_indicators,
    write_indicators,
)


def indicator(value: str = "t13d", **other: object) -> Indicator:
    fields: dict[str, object] = {
        "kind": "tls_ja4",
        "source": "a partner",
        "name": "n",
        "tlp": "AMBER",
        "valid_from": 10.0,
        "valid_until": 20.0,
    }
    return Indicator(indicator_id("tls_ja4", value), value=value, **{**fields, **other})  # type: ignore[arg-type]


def test_what_is_written_is_read_and_only_by_this_user(tmp_path: Path) -> None:
    path = tmp_path / "indicators.json"
    assert read_indicators(path) == {}
    kept = {one.indicator_id: one for one in (indicator("a"), indicator("b"))}
    write_indicators(path, kept)
    assert read_indicators(path) == kept
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\udcff", "[" * 100_000], ids=["nothing", "object", "number", "no text", "deep"])
def test_a_file_of_something_else_is_an_error_in_one_line_that_names_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "indicators.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(IndicatorsError, match=r"^cannot read .*indicators\.json .*: move it away, and import the indicators again$"):
        read_indicators(path)


def test_an_indicator_is_in_force_from_its_start_until_before_its_end() -> None:
    assert [in_force([indicator()], at) != [] for at in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("router", "00AB00AB00AB00AB", "00ab00ab00ab00ab"),
        ("router", "00ab", None),
        ("template", "x" * 16, None),
        ("user_agent", " a client/1.0 ", "a client/1.0"),
        ("user_agent", "  ", None),
        ("user_agent", "x" * (MAX_VALUE_CHARACTERS + 1), None),
    ],
)
def test_a_value_that_no_request_can_have_is_none(kind: IndicatorKind, value: str, normal: str | None) -> None:
    assert normal_value(kind, value) == normal
