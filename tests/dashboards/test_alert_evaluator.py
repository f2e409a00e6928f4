from __future__ import annotations

import socket
from typing import Any

import pytest

from dashboards.alert_evaluator import AlertmanagerError, Evaluator, RuleShapeError, firing, seconds, send
from dashboards.rule import Rule, template

RULE = Rule(
    title="Too many",
    team="soc",
    severity="page",
    sql="SELECT name, value FROM t",
    above=2,
    summary="{name} has {value:.1f}.",
    question="?",
    waits="1m",
    lingers="2m",
)


class Table:
    """Rows that a test can change between two looks."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.evaluator = Evaluator(lambda _: self.rows, {"too_many": RULE})

    def evaluate(self, now: float) -> list[tuple[str, str, str]]:
        alerts = self.evaluator.evaluate(now, interval=30)
        return [(alert["annotations"]["summary"], alert["startsAt"][11:19], alert["endsAt"][11:19]) for alert in alerts]


def test_only_a_number_above_the_threshold_fires() -> None:
    rows = [{"name": "a", "value": 2}, {"name": "b", "value": 3.25}]
    assert [each.summary for each in firing("too_many", RULE, rows)] == ["b has 3.2."]


def test_rows_must_be_told_apart_by_their_labels() -> None:
    with pytest.raises(RuleShapeError, match="two rows with the same labels"):
        firing("too_many", RULE, [{"name": "a", "value": 3}, {"name": "a", "value": 4}])


@pytest.mark.parametrize("row", [{"name": "a"}, {"name": 7, "value": 3}, {"name": "a", "value": "3"}])
def test_a_row_is_text_and_one_number(row: dict[str, Any]) -> None:
    with pytest.raises(RuleShapeError, match="text labels and one number called value"):
        firing("too_many", RULE, [row])


def test_an_alert_is_told_only_after_it_has_held_for_its_time_and_then_again_and_again() -> None:
    table = Table()
    table.rows = [{"name": "a", "value": 3}]
    assert table.evaluate(0) == []
    assert table.evaluate(30) == []
    assert table.evaluate(60) == [("a has 3.0.", "00:00:00", "00:03:00")]
    table.rows = [{"name": "a", "value": 4}]
    assert table.evaluate(90) == [("a has 4.0.", "00:00:00", "00:03:30")]


def test_a_moments_silence_resolves_nothing_and_a_longer_one_resolves_once() -> None:
    table = Table()
    table.rows = [{"name": "a", "value": 3}]
    table.evaluate(0)
    table.evaluate(60)
    table.rows = []
    assert len(table.evaluate(120)) == 1
    assert table.evaluate(190) == [("a has 3.0.", "00:00:00", "00:03:10")], "it ends now"
    assert table.evaluate(220) == []


def test_what_never_held_long_enough_ends_unheard() -> None:
    table = Table()
    table.rows = [{"name": "a", "value": 3}]
    table.evaluate(0)
    table.rows = []
    assert table.evaluate(30) == []
    assert table.evaluate(300) == []


def test_durations_are_those_of_grafana() -> None:
    assert [seconds(each) for each in ("90s", "5m", "2h", "1d")] == [90, 300, 7200, 86400]
    with pytest.raises(RuleShapeError, match="is not a duration"):
        seconds("soon")


def test_grafana_gets_the_same_sentence_as_a_template() -> None:
    assert template(RULE.summary) == '{{ $labels.name }} has {{ printf "%.1f" $values.A.Value }}.'


def test_an_alertmanager_that_is_away_is_told_in_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(AlertmanagerError, match=f"the Alertmanager at {url} does not answer"):
        send(url, [])
