"""A test of real data is skipped where there is none, and for no other reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.testing.real_data import real_data

ROOT = Path(__file__).resolve().parents[3]
OWN_WAY = re.compile(r"""/ "shared"|"(\.\./)?shared/|"HYDROMETER_SHARED\"""")
"""How a module would look for the folder by itself."""


def test_data_that_is_there_is_given_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROMETER_SHARED", str(tmp_path))
    (tmp_path / "set.csv").touch()
    assert real_data("set.csv") == tmp_path / "set.csv"


def test_without_the_folder_there_is_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROMETER_SHARED", str(tmp_path / "nothing"))
    assert real_data("set.csv") is None


def test_a_path_that_the_folder_lacks_is_an_error_and_no_reason_to_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROMETER_SHARED", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"has no st\.csv"):
        real_data("st.csv")


def test_no_test_looks_for_the_folder_in_a_way_of_its_own() -> None:
    set_it = {"tests/conftest.py", "tests/evaluation/test_authors.py", "tests/evaluation/test_detectors.py"}
    modules = [path for room in ("streams", "models", "dashboards", "tests") for path in (ROOT / room).rglob("*.py")]
    own = {str(path.relative_to(ROOT)) for path in modules if OWN_WAY.search(path.read_text(encoding="utf-8"))}
    assert own - {str(Path(__file__).relative_to(ROOT))} == {"streams/testing/real_data.py", "streams/core/settings.py", *set_it}
