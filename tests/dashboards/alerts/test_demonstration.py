"""The rules on what the pipeline itself writes, rather than on rows laid out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dashboards.alert_evaluator import Firing, firing
from dashboards.query import squeezed
from dashboards.rules import rules


def told(rehearsed: Any, name: str) -> list[Firing]:
    rows, columns = rehearsed.client.execute(squeezed(rules()[name].sql), with_column_types=True)
    return firing(name, rules()[name], [dict(zip((column for column, _ in columns), row, strict=True)) for row in rows])


@pytest.mark.parametrize("name", rules())
def test_every_rule_takes_the_pipelines_own_rows(rehearsed: Any, name: str) -> None:
    assert all(each.summary for each in told(rehearsed, name))


@pytest.mark.parametrize("behaviour", ["extraction", "routing"])
def test_each_open_case_that_nobody_decided_is_one_alert(rehearsed: Any, behaviour: str) -> None:
    undecided = rehearsed.client.execute(
        "SELECT case_id FROM hydrometer.cases FINAL WHERE state = 'open' AND NOT muted AND behaviour = %(behaviour)s "
        "AND JSONExtractString(payload, 'label', 'verdict') = '' AND JSONExtractString(payload, 'tier') != 'ask'",
        {"behaviour": behaviour},
    )
    assert {each.labels["case_id"] for each in told(rehearsed, f"new_{behaviour}_case")} == {case_id for (case_id,) in undecided}
