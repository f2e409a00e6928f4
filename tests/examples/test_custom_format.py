"""The package of `examples/custom_format/` is installed beside the project, recognised, and read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
NOON = 1_793_620_800


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = tmp_path_factory.mktemp("source") / "package", tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "examples" / "custom_format", source)  # pip builds inside the source
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, capture_output=True)
    return target


def run(site: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def replayed(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    log, out = tmp_path_factory.mktemp("log") / "acme.jsonl", tmp_path_factory.mktemp("out")
    lines = [
        {
            "acme_version": 1,
            "began": NOON + 60 * i,
            "call": {"id": f"r-{i}"},
            "caller": {"key": "ada"},
            "tokens": {"out": 5},
            "took_ms": 250,
        }
        for i in range(10)
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run(site, "-m", "streams", "replay", str(log), "--out", str(out))
    return out


def test_it_is_listed_among_the_formats(site: Path) -> None:
    assert "acme         ACME gateway (access log)" in run(site, "-m", "streams", "formats").splitlines()


def test_its_log_is_recognised_and_every_request_counts(replayed: Path) -> None:
    (row,) = pq.read_table(replayed / "accounts.parquet").to_pylist()
    assert (row["account_id"], row["requests"]) == ("ada", 10)


def test_the_plot_of_the_examples_draws_its_accounts(replayed: Path, tmp_path: Path) -> None:
    picture = tmp_path / "evidence.svg"
    script = str(ROOT / "examples" / "replay_plot" / "plot.py")
    said = subprocess.run(
        [sys.executable, script, str(replayed), str(picture)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said == f"wrote {picture}: 1 accounts\n"
    assert ">ada</text>" in picture.read_text(encoding="utf-8")
