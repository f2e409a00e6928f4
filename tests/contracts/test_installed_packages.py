"""An outlet and a benign hypothesis of another package, installed beside the project, work as ours do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = '''
import json
from pathlib import Path

from streams.cases.hypothesis import BenignHypothesis, Facts


class Outlet:
    """A folder with a file for each finding."""

    metavar, help = "FOLDER", "Write a file for each finding."

    def __init__(self, folder):
        self.folder, self.written = Path(folder), 0

    @classmethod
    def open(cls, target, settings):
        return cls(target)

    def deliver(self, findings):
        for finding in findings:
            self.written += 1
            (self.folder / f"{self.written}.json").write_text(json.dumps(finding))

    def close(self):
        pass


hypothesis = BenignHypothesis(
    name="night shift",
    order=1,
    needs="seven accounts",
    ask=lambda facts: (facts.accounts == 7, f"a night shift has 7 accounts, here {facts.present()}"),
    example=Facts(alone=False, accounts=7, organizations=1, cards=1, families={}, features={}),
)
'''
ENTRY_POINTS = """[hydrometer.outlets]
folder = acme_tools:Outlet

[hydrometer.hypotheses]
night_shift = acme_tools:hypothesis
"""
USE = """
import json, sys
from streams.cases.hypothesis import consider, hypotheses
from streams.core.settings import Settings
from streams.exports.outlet import outlets

outlet = outlets()["folder"].open(sys.argv[1], Settings(mode="local"))
outlet.deliver([{"activity_id": 1}, {"activity_id": 2}])
outlet.close()
first = consider(hypotheses()["night shift"].example)[0]
print(json.dumps([first.hypothesis, first.fits, first.because]))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as pip would leave it: a module, and the metadata of its distribution."""
    folder = tmp_path / "site"
    metadata = folder / "acme_tools-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "acme_tools.py").write_text(CODE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tools\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def run(site: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_an_outlet_of_another_package_receives_findings_and_its_hypothesis_is_asked(site: Path, tmp_path: Path) -> None:
    answer = json.loads(run(site, "-c", USE, str(tmp_path)))
    assert answer == [
        "night shift",
        True,
        "Would need: seven accounts; found: a night shift has 7 accounts, here there are 7 accounts; so it fits.",
    ]
    assert [json.loads((tmp_path / f"{number}.json").read_bytes()) for number in (1, 2)] == [{"activity_id": 1}, {"activity_id": 2}]


def test_an_outlet_of_another_package_is_an_option_of_the_command(site: Path) -> None:
    assert "--folder FOLDER" in run(site, "-m", "streams", "export", "ocsf", "--help")
