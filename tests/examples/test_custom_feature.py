"""The package of `examples/custom_feature/` is installed beside the project and goes through a replay, a case's sentence and a board."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "custom_feature"
NOON = 1_793_620_800


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package, its metadata included."""
    source, target = tmp_path_factory.mktemp("source") / "package", tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, source)  # pip builds inside the source
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, capture_output=True)
    return target


def run(site: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=check)


def test_its_value_is_in_the_scores_of_a_replay(site: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "out"
    events = [{"timestamp": NOON + i, "event.id": f"e{i}", "account.id": "ada", "tool_count": 3} for i in range(10)]
    log.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    run(site, "-m", "streams", "replay", str(log), "--out", str(out))
    (row,) = pq.read_table(out / "scores.parquet").to_pylist()
    assert dict(row["features"])["tools_offered"] == pytest.approx(math.log(1 + 3), rel=1e-6)


def test_a_case_and_a_board_show_it(site: Path) -> None:
    script = """
import json
from math import log
from dashboards.board import boards
from streams.cases.phrasing import sentence
print(sentence("tools_offered", log(4), [0, 0], 2.0))
print('"title": "Tools offered per request"' in json.dumps(boards()["account"].render()))
"""
    text, on_board = run(site, "-c", script).stdout.splitlines()
    assert text == (
        "Tools offered per request: 3; most accounts have almost none. "
        "Typical of agentic harvests, which carry the same set of tools in every request (+2.0 nats)."
    )
    assert on_board == "True"


def test_it_is_in_the_data_dictionary(site: Path) -> None:
    rows = json.loads(run(site, "-m", "streams", "features", "--json").stdout)
    assert [row["label"] for row in rows if row["name"] == "tools_offered"] == ["Tools offered per request"]


def test_one_that_cannot_be_loaded_stops_a_command_with_one_line(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    (broken / "tools_offered.py").write_text("from streams.features.expressions import col\ncol.country\n", encoding="utf-8")
    failed = run(broken, "-m", "streams", "features", check=False)
    assert failed.returncode != 0
    assert failed.stderr == (
        "error: feature tools_offered (tools_offered:ToolsOffered of hydrometer-tools-offered) cannot be loaded "
        "(country is never evidence: no feature may read it): mend or uninstall the package\n"
    )
