from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from streams.testing import helm_chart


def test_every_example_has_a_golden_file_and_every_golden_file_an_example() -> None:
    assert {helm_chart.golden_of(values) for values in helm_chart.values_files()} == set(helm_chart.GOLDEN.glob("*.yaml")) != set()


def test_a_changed_template_is_another_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(helm_chart.CHART, tmp_path / "chart")
    values = helm_chart.values_files()[0]
    before = helm_chart.header(values)
    monkeypatch.setattr(helm_chart, "CHART", tmp_path / "chart")
    assert helm_chart.header(values) == before
    (tmp_path / "chart/templates/desk.yaml").write_text("kind: Nothing\n")
    assert helm_chart.header(values) != before


def test_other_values_are_another_header(tmp_path: Path) -> None:
    values = helm_chart.values_files()[0]
    (tmp_path / values.name).write_text(values.read_text() + "replication: 1\n")
    assert helm_chart.header(tmp_path / values.name) != helm_chart.header(values)
