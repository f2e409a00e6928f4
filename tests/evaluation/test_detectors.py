from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streams.testing.figures import read

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "detectors.py"


def run(shared: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = SCRIPT.parents[2]
    environment = {"HYDROMETER_SHARED": str(shared), "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, timeout=100, check=True
    )


def test_without_the_sets_it_says_where_they_are_looked_for(tmp_path: Path) -> None:
    said = run(tmp_path / "nothing").stdout
    assert said.startswith("skipped: no labelled sets")
    assert "HYDROMETER_SHARED" in said


def test_every_detector_is_judged_on_every_set_that_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "adbench"
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    labels = np.arange(1500) % 50 == 49
    np.savez(folder / "38_thyroid.npz", X=random.normal(np.where(labels, 0.9, 0.4)[:, None], 0.05, (1500, 3)), y=labels)
    said = run(tmp_path, "--figures", str(tmp_path))
    measured = read(tmp_path / "evaluate-detectors.json")
    assert measured.partial == "the sets http, smtp, shuttle, mammography, satimage-2"
    results = measured.figures["results"]
    assert len(results) >= 8
    assert {result["data"] for result in results} == {"thyroid"}
    assert all(result["detector"] in said.stdout for result in results)
    areas = {result["detector"]: result["auc"] for result in results}
    assert areas["Population, trees"] == pytest.approx(1.0, abs=0.05)
    assert areas["Baseline, half-life 500"] == pytest.approx(1.0, abs=0.05)
