from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli.new_feature import new_feature
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT
from streams.testing.checkouts import copied, python


def made(folder: Path) -> Path:
    """Copy the code, without tests of other features."""
    for entity in ("account", "group"):
        (folder / "tests" / "streams" / "features" / entity).mkdir(parents=True)
    return copied(folder, "streams", "models", "dashboards")


@pytest.mark.parametrize("entity", ["account", "group"])
def test_a_new_feature_is_two_files_a_panel_and_a_test_that_fails(checkout: Path, entity: str) -> None:
    paths = new_feature("long_pauses", entity, "timing", checkout)
    assert [path.relative_to(checkout).as_posix() for path in paths] == [
        f"streams/features/{entity}/long_pauses.py",
        f"tests/streams/features/{entity}/test_long_pauses.py",
    ]
    lint = python(checkout, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *(str(path) for path in paths))
    assert lint.returncode == 0, lint.stdout
    tests = python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(paths[1]))
    assert "1 failed" in tests.stdout
    assert "say here what long_pauses is" in tests.stdout
    shown = python(checkout, "-c", _SHOW).stdout
    assert shown == f"{entity} timing Long pauses\n"


_SHOW = """
from dashboards.panel import panels
panel = panels()["long_pauses"]
print(panel.feature.entity, panel.feature.family, panel.title)
"""


@pytest.mark.parametrize("name", ["Late", "late nights", "2late", "_late", "late_", "late-nights", "class", "../late", "", "late_2"])
def test_a_name_that_is_no_plain_word_is_refused(untouched: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a feature"):
        new_feature(name, "account", root=untouched)


def test_a_name_that_exists_is_refused_and_nothing_is_written(untouched: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_feature("egress_share", "account", root=untouched)
    assert not list((untouched / "tests").rglob("*.py"))


def test_an_unknown_entity_or_family_is_refused_with_the_known_ones(untouched: Path) -> None:
    with pytest.raises(HydrometerError, match="account, group"):
        new_feature("long_pauses", "planet", root=untouched)
    with pytest.raises(HydrometerError, match="content, evenness"):
        new_feature("long_pauses", "account", "astrology", untouched)


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_feature("long_pauses", "account", root=tmp_path)
