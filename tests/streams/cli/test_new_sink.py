from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli.new_sink import new_sink
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT
from streams.testing.checkouts import copied, python

OUTLETS = Path("streams", "exports", "outlets")


def made(folder: Path) -> Path:
    """Copy the code, without tests of other outlets."""
    (folder / "tests" / OUTLETS).mkdir(parents=True)
    return copied(folder, "models", "streams")


def test_a_new_sink_is_two_files_a_failing_test_and_an_option_without_being_listed(checkout: Path) -> None:
    paths = new_sink("syslog", checkout)
    names = [path.relative_to(checkout).as_posix() for path in paths]
    assert names == ["streams/exports/outlets/syslog.py", "tests/streams/exports/outlets/test_syslog.py"]
    lint = python(checkout, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *names)
    assert lint.returncode == 0, lint.stdout
    tests = python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", names[1])
    assert "1 failed" in tests.stdout
    assert "write deliver() of the outlet syslog" in tests.stdout
    shown = python(checkout, "-c", "from streams.cli.main import cli; cli(['export', 'ocsf', '--help'])")
    assert "--syslog TARGET" in shown.stdout, shown.stderr


@pytest.mark.parametrize("name", ["Syslog", "sys log", "2nd", "_sys", "sys_", "sys-log", "class", "once", "../sys", ""])
def test_a_name_of_another_form_is_refused(untouched: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a sink"):
        new_sink(name, untouched)


def test_a_name_that_exists_is_refused_and_nothing_is_written(untouched: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_sink("webhook", untouched)
    assert list((untouched / "tests" / OUTLETS).iterdir()) == []


def test_outside_of_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_sink("syslog", tmp_path)
