from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli.new_detector import new_detector
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT
from streams.testing.checkouts import copied, python


def made(folder: Path) -> Path:
    """Copy the code, without tests of other detectors."""
    (folder / "tests" / "models" / "detectors").mkdir(parents=True)
    return copied(folder, "models", "streams")


_KEEPS_THE_CONTRACT = """
from models import detector_registry
from streams.testing import detector_contract
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
    lint = python(checkout, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *names)
    assert lint.returncode == 0, lint.stdout
    tests = python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", names[1])
    assert "1 failed" in tests.stdout
    assert "say here what night_shift scores" in tests.stdout
    contract = python(checkout, "-c", _KEEPS_THE_CONTRACT)
    assert contract.stdout == "accounts groups\n", contract.stderr


@pytest.mark.parametrize("name", ["Night", "night shift", "2nd", "_night", "night_", "night-shift", "class", "../night", ""])
def test_a_name_of_another_form_is_refused(untouched: Path, name: str) -> None:
    with pytest.raises(HydrometerError, match="is not a name for a detector"):
        new_detector(name, untouched)


def test_a_name_that_exists_is_refused_and_nothing_is_written(untouched: Path) -> None:
    with pytest.raises(HydrometerError, match="exists"):
        new_detector("population", untouched)
    assert list((untouched / "tests" / "models" / "detectors").iterdir()) == []


def test_outside_of_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match="run this in a checkout"):
        new_detector("night_shift", tmp_path)
