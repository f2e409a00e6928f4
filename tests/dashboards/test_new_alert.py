from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dashboards.new_alert import NameTakenError, new_alert
from streams.core.repository import ROOT
from streams.testing.checkouts import copied, python


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code and of what the tests of rules share."""
    copied(tmp_path, "streams", "models", "dashboards", "deploy/clickhouse")
    (tmp_path / "tests/dashboards/alerts").mkdir(parents=True)
    for name in ("conftest.py", "test_every_rule.py"):
        shutil.copy(ROOT / "tests/dashboards/alerts" / name, tmp_path / "tests/dashboards/alerts" / name)
    return tmp_path


@pytest.mark.slow
def test_a_new_rule_is_three_files_and_its_test_fails_until_it_says_what_fires(checkout: Path) -> None:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    paths = new_alert("late_backup", "oncall", checkout)
    assert [path.relative_to(checkout).as_posix() for path in paths] == [
        "dashboards/alerts/late_backup.py", "dashboards/runbooks/late_backup.md", "tests/dashboards/alerts/test_late_backup.py",
    ]  # fmt: skip
    linted = python(checkout, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(paths[0]), str(paths[2])).stdout
    assert "All checks passed" in linted, linted
    tests = python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-k", "late_backup", "tests").stdout
    assert "say here what the summary of late_backup is for these rows" in tests
    assert "2 failed" in tests, tests  # what fires, and the words of the template


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
