"""Alert rules without Grafana: query ClickHouse, track durations, send to an Alertmanager. Rules and texts are the same.

Alertmanager groups, silences, repeats and delivers. Every alert is sent repeatedly, because it resolves one that is not repeated.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson
import requests

from dashboards.query import Json, squeezed
from dashboards.rule import Rule
from dashboards.rules import rules
from streams.core.errors import HydrometerError, StoreUnavailableError
from streams.telemetry.metrics import METRICS, Metric

Query = Callable[[str], Sequence[Mapping[str, object]]]
Key = tuple[str, tuple[tuple[str, str], ...]]

MAX_MISSED_REPEATS: Final = 4
"""Alertmanager may miss three messages in a row before it resolves an alert."""
URL: Final = re.compile(r"https?://[^\s/]+(/\S*)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMEOUT_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class RuleShapeError(HydrometerError):
    """A rule's query does not return text labels and one number, in unique rows."""


class AlertmanagerError(HydrometerError):
    """The Alertmanager does not accept alerts. They are sent again after the next evaluation."""


@dataclass(frozen=True)
class Firing:
    """One alert that fires now: its rule, labels and summary."""

    rule: str
    labels: Mapping[str, str]
    summary: str

    @property
    def key(self) -> Key:
        """The identity of the alert in the next evaluation."""
        return self.rule, tuple(sorted(self.labels.items()))


@dataclass
class _Alert:
    firing: Firing
    since: float
    seen: float


def firing(name: str, rule: Rule, rows: Sequence[Mapping[str, object]]) -> list[Firing]:
    """Return the alerts of a rule for the rows of its query, before its waiting time. Raises RuleShapeError."""
    results = [_row(name, row) for row in rows]
    if len({tuple(sorted(labels.items())) for labels, _ in results}) != len(results):
        raise RuleShapeError(f"the rule {name} returns two rows with the same labels, which Grafana refuses: add a label")
    if not results and rule.no_rows == "Alerting":
        return [Firing(name, {}, rule.silence)]
    return [Firing(name, labels, rule.summary_of(labels, value)) for labels, value in results if value > rule.above]


def seconds(duration: str) -> float:
    """Return a duration of Grafana's (`90s`, `5m`) in seconds.

    Raises:
        RuleShapeError: It is written in another way.
    """
    match = re.fullmatch(r"(\d+)([smhd])", duration)
    if not match:
        raise RuleShapeError(f"{duration} is not a duration: write it as 90s, 5m or 1h")
    return float(int(match[1]) * _SECONDS[match[2]])


class Evaluator:
    """Evaluates all rules, and keeps since when each alert holds. Times are seconds since 1970 of one clock, given by the caller."""

    def __init__(self, query: Query, chosen: Mapping[str, Rule] | None = None) -> None:
        """Use `query`, which returns rows by column name or raises StoreUnavailableError."""
        self._query = query
        self._rules = rules() if chosen is None else chosen
        self._held: dict[Key, _Alert] = {}

    def evaluate(self, now: float, interval: float) -> list[Json]:
        """Return the alerts to send at `now`, in Alertmanager's format: firing ones, and those that have just ended."""
        for name, rule in self._rules.items():
            for firing_alert in self._ask(name, rule):
                alert = self._held.setdefault(firing_alert.key, _Alert(firing_alert, now, now))
                alert.firing, alert.seen = firing_alert, now
        ended = [key for key, alert in self._held.items() if now - alert.seen > seconds(self._rules[key[0]].lingers)]
        messages = [self._message(alert, now, 0.0) for key in ended if self._due(alert := self._held.pop(key), alert.seen)]
        return messages + [
            self._message(alert, now, MAX_MISSED_REPEATS * interval) for alert in self._held.values() if self._due(alert, now)
        ]

    def _ask(self, name: str, rule: Rule) -> list[Firing]:
        try:
            return firing(name, rule, self._query(squeezed(rule.sql)))
        except StoreUnavailableError as error:
            _log.warning("%s: %s", name, error)
            return [Firing(name, {}, rule.silence)] if rule.on_error == "Alerting" else []

    def _due(self, alert: _Alert, at: float) -> bool:
        return at - alert.since >= seconds(self._rules[alert.firing.rule].waits)

    def _message(self, alert: _Alert, now: float, lasts: float) -> Json:
        rule = self._rules[alert.firing.rule]
        fixed = {"alertname": rule.title, "rule": alert.firing.rule, "team": rule.team, "severity": rule.severity}
        return {
            "labels": {**alert.firing.labels, **fixed},
            "annotations": {"summary": alert.firing.summary, "description": rule.question},
            "startsAt": _time(alert.since),
            "endsAt": _time(now + lasts),
        }


def send(url: str, alerts: Iterable[Json], timeout: float = _TIMEOUT_SECONDS) -> None:
    """Send alerts to an Alertmanager (`http://127.0.0.1:9093`, API version 2) within `timeout` seconds. Raises AlertmanagerError."""
    body = orjson.dumps(list(alerts))
    headers = {"Content-Type": "application/json"}
    try:
        answer = requests.post(f"{url.rstrip('/')}/api/v2/alerts", data=body, headers=headers, timeout=timeout)
    except requests.RequestException as error:
        raise AlertmanagerError(
            f"the Alertmanager at {url} does not answer ({type(error).__name__}): start it, or correct the URL"
        ) from error
    if not answer.ok:
        raise AlertmanagerError(f"the Alertmanager at {url} refuses our alerts (HTTP {answer.status_code}): use version 0.16 or newer")


def run(query: Query, url: str, interval: float, stop: threading.Event) -> None:
    """Evaluate and send every `interval` seconds until `stop` is set. A failed delivery is repeated."""
    evaluator = Evaluator(query)
    while True:
        try:
            send(url, evaluator.evaluate(time.time(), interval))
            METRICS.add(Metric.ALERTS_TOLD, outcome="taken")
        except AlertmanagerError as error:
            METRICS.add(Metric.ALERTS_TOLD, outcome="refused")
            _log.warning("%s", error)
        if stop.wait(interval):
            return


def _row(name: str, row: Mapping[str, object]) -> tuple[dict[str, str], float]:
    labels = {column: text for column, text in row.items() if column != "value" and isinstance(text, str)}
    value = row.get("value")
    if len(labels) != len(row) - 1 or not isinstance(value, float | int):
        raise RuleShapeError(f"the rule {name} must return text labels and one number called value")
    return labels, float(value)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
