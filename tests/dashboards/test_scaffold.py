from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboards.scaffold import ROOT, NameTakenError, new_alert


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code and of what the tests of rules share."""
    for package in ("streams", "models", "dashboards"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    (tmp_path / "tests/dashboards/alerts").mkdir(parents=True)
    (tmp_path / "deploy").mkdir()
    shutil.copytree(ROOT / "deploy/clickhouse", tmp_path / "deploy/clickhouse")
    for name in ("conftest.py", "test_every_rule.py"):
        shutil.copy(ROOT / "tests/dashboards/alerts" / name, tmp_path / "tests/dashboards/alerts" / name)
    return tmp_path


def run(checkout: Path, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=checkout, capture_output=True, text=True, check=False).stdout


def test_a_new_rule_is_three_files_and_its_test_fails_until_it_says_what_fires(checkout: Path) -> None:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    paths = new_alert("late_backup", "oncall", checkout)
    assert [path.relative_to(checkout).as_posix() for path in paths] == [
        "dashboards/alerts/late_backup.py", "dashboards/runbooks/late_backup.md", "tests/dashboards/alerts/test_late_backup.py",
    ]  # fmt: skip
    linted = run(checkout, "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(paths[0]), str(paths[2]))
    assert "All checks passed" in linted, linted
    tests = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-k", "late_backup", "tests")
    assert "write here the summary of late_backup for these rows" in tests
    assert "1 failed" in tests, tests


@pytest.mark.parametrize(
    ("name", "team", "why"),
    [
        ("Late Backup", "soc", "not a name for a rule"),
        ("a" * 40, "soc", "at most 29"),
        ("late_backup", "nobody", "no team nobody"),
        ("heartbeat", "oncall", "is there already"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(name: str, team: str, why: str) -> None:
    before = sorted((ROOT / "dashboards/alerts").iterdir())
    with pytest.raises(NameTakenError, match=why):
        new_alert(name, team)
    assert sorted((ROOT / "dashboards/alerts").iterdir()) == before
