from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.checkout import ROOT
from streams.cli.new_detector import new_detector
from streams.core.errors import HydrometerError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the models, without tests of other detectors."""
    for package in ("models", "streams"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "models" / "detectors").mkdir(parents=True)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=checkout, capture_output=True, text=True, check=False)


_KEEPS_THE_CONTRACT = """
from models import detector_contract, detector_registry
(kind,) = (kind for kind in detector_registry.detectors() if kind.__name__ == "NightShift")
for model in detector_contract.examples(kind):
    for check in detector_contract.yield_checks(model):
        check(model.clone())
print(*(stage for stage in ("accounts", "groups") if kind in detector_registry.shadow_detectors(stage)))
"""


def test_a_new_detector_is_two_files_a_failing_test_and_runs_in_shadow_without_being_listed(checkout: Path) -> None:
    paths = new_detector("night_shift", checkout)
    names = [path.relative_to(checkout).as_posix() for path in paths]
    assert names == ["models/detectors/night_shift.py", "tests/models/detectors/test_night_shift.py"]
    lint = run(checkout, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *names)
    assert lint.returncode == 0, lint.stdout
    tests = run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", names[1])
    assert "1 failed" in tests.stdout
    assert "say here what night_shift scores" in tests.stdout
    contract = run(checkout, "-c", _KEEPS_THE_CONTRACT)
    assert contract.stdout == "accounts groups\n", contract.stderr


@pytest.mark.parametrize("name", ["Night", "night shift", "2nd", "_night", "night_", "night-shift", "class", "../night", ""])
def test_a_name_of_another_form_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a detector"):
        new_detector(name, checkout)


def test_a_name_that_exists_is_refused_and_nothing_is_written(checkout: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_detector("population", checkout)
    assert list((checkout / "tests" / "models" / "detectors").iterdir()) == []


def test_outside_of_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_detector("night_shift", tmp_path)
