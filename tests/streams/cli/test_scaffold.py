from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.checkout import ROOT
from streams.cli.scaffold import new_feature
from streams.core.errors import HydrometerError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code, without tests of other features."""
    for package in ("streams", "models", "dashboards"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for entity in ("account", "group"):
        (tmp_path / "tests" / "streams" / "features" / entity).mkdir(parents=True)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=checkout, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("entity", ["account", "group"])
def test_a_new_feature_is_two_files_a_panel_and_a_test_that_fails(checkout: Path, entity: str) -> None:
    paths = new_feature("long_pauses", entity, "timing", checkout)
    assert [path.relative_to(checkout).as_posix() for path in paths] == [
        f"streams/features/{entity}/long_pauses.py",
        f"tests/streams/features/{entity}/test_long_pauses.py",
    ]
    lint = run(checkout, "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *(str(path) for path in paths))
    assert lint.returncode == 0, lint.stdout
    tests = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(paths[1]))
    assert "1 failed" in tests.stdout
    assert "say here what long_pauses is" in tests.stdout
    shown = subprocess.run([sys.executable, "-c", _SHOW], cwd=checkout, capture_output=True, text=True, check=True).stdout
    assert shown == f"{entity} timing Long pauses\n"


_SHOW = """
from dashboards.panel import panels
panel = panels()["long_pauses"]
print(panel.feature.entity, panel.feature.family, panel.title)
"""


@pytest.mark.parametrize("name", ["Late", "late nights", "2late", "_late", "late_", "late-nights", "class", "../late", "", "late_2"])
def test_a_name_that_is_no_plain_word_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a feature"):
        new_feature(name, "account", root=checkout)


def test_a_name_that_exists_is_refused_and_nothing_is_written(checkout: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_feature("egress_share", "account", root=checkout)
    assert not list((checkout / "tests").rglob("*.py"))


def test_an_unknown_entity_or_family_is_refused_with_the_known_ones(checkout: Path) -> None:
    with pytest.raises(HydrometerError, match="account, group"):
        new_feature("long_pauses", "planet", root=checkout)
    with pytest.raises(HydrometerError, match="content, evenness"):
        new_feature("long_pauses", "account", "astrology", checkout)


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_feature("long_pauses", "account", root=tmp_path)
