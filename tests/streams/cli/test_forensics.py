"""`hydrometer forensics` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from streams.testing.real_data import real_data

pytestmark = pytest.mark.slow

CHOICES = real_data("data/forensics/mmlu_pro_answers.csv.gz")
HYDROMETER: list[str | Path] = [sys.executable, "-m", "streams"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    panel = tmp_path / "panel"
    panel.mkdir()
    for number in range(8):
        lines = [
            {"item": item, "output": f"model {number} says {item * (1 if number < 2 else number)} in the end of a day"}
            for item in range(40)
        ]
        (panel / f"m{number}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return panel


def test_a_comparison_prints_json_and_writes_a_page(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    command = [
        *HYDROMETER,
        "forensics",
        "compare",
        folder / "m0.jsonl",
        folder / "m1.jsonl",
        "--controls",
        folder,
        "--json",
        "--html",
        page,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert (told["suspect"], told["our_model"], len(told["controls"]), len(told["sha256"])) == ("m0", "m1", 6, 8)
    assert "reading 8 of 10" in done.stderr
    assert "measuring 1 of 8: Wording of answers ..." in done.stderr
    assert page.read_text().startswith("<!doctype html>")


def test_without_a_panel_it_says_what_to_give(folder: Path) -> None:
    done = subprocess.run([*HYDROMETER, "forensics", "compare", "a", "b"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "error: no panel to compare with: give --controls FOLDER of unrelated models' answers, or --table\n",
    )
    wrong = [*HYDROMETER, "forensics", "compare", folder / "m0.jsonl", folder / "m1.jsonl", "--controls", folder, "--kin", "m0"]
    done = subprocess.run(wrong, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: --kin m0 does not name two models: write --kin A=B\n")


@pytest.mark.skipif(CHOICES is None, reason="the real answers are not beside this checkout")
def test_on_real_choices_a_model_and_its_base_are_found() -> None:
    assert CHOICES is not None
    command = [*HYDROMETER, "forensics", "compare", "Yi-6b-Chat", "Yi-6B", "--table", CHOICES, "--json"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ran = [test for test in told["tests"] if test["missing"] is None]
    assert len(ran) == 4
    assert [test["rank"] for test in ran] == [1, 1, 1, 1]
