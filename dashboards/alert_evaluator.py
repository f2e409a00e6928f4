"""Alert rules without Grafana: ask ClickHouse, keep the time, tell an Alertmanager. The rules and their texts are the same.

Alertmanager groups, silences, repeats and delivers. It is told of every alert again and again, since it forgets one that nobody repeats.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import requests

from dashboards.query import Json, squeezed
from dashboards.rule import Rule
from dashboards.rules import rules
from streams.core.errors import HydrometerError, StoreUnavailableError
from streams.telemetry.metrics import METRICS, Metric

Query = Callable[[str], list[dict[str, Any]]]
Key = tuple[str, tuple[tuple[str, str], ...]]

REPEATS: Final = 4
"""Alertmanager may miss three of our messages in a row before it takes an alert for resolved."""
URL: Final = re.compile(r"https?://[^\s/]+(/\S*)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMEOUT: Final = 10.0

_log = logging.getLogger(__name__)


class RuleShapeError(HydrometerError):
    """A rule's query does not give labels of text and one number, in unique rows."""


class AlertmanagerError(HydrometerError):
    """The Alertmanager does not take alerts. They are told again at the next look."""


@dataclass(frozen=True)
class Firing:
    """One alert that fires now: its rule, its labels, its sentence."""

    rule: str
    labels: Mapping[str, str]
    summary: str

    @property
    def key(self) -> Key:
        """What makes it the same alert at the next look."""
        return self.rule, tuple(sorted(self.labels.items()))


@dataclass
class _Alert:
    firing: Firing
    since: float
    seen: float


def firing(name: str, rule: Rule, rows: Sequence[Mapping[str, Any]]) -> list[Firing]:
    """Return what a rule says about the rows of its query, before any waiting. Raises RuleShapeError."""
    found = [_row(name, row) for row in rows]
    if len({tuple(sorted(labels.items())) for labels, _ in found}) != len(found):
        raise RuleShapeError(f"the rule {name} gives two rows with the same labels: Grafana would refuse both")
    if not found and rule.no_rows == "Alerting":
        return [Firing(name, {}, rule.silence)]
    return [Firing(name, labels, rule.told(labels, value)) for labels, value in found if value > rule.above]


def seconds(duration: str) -> float:
    """Return a duration of Grafana's (`90s`, `5m`) in seconds."""
    found = re.fullmatch(r"(\d+)([smhd])", duration)
    if not found:
        raise RuleShapeError(f"{duration} is no duration: write it as 90s, 5m or 1h")
    return float(int(found[1]) * _SECONDS[found[2]])


class Evaluator:
    """Looks at all rules, and remembers since when each alert holds. Times are seconds since 1970 of one clock, given by the caller."""

    def __init__(self, query: Query, chosen: Mapping[str, Rule] | None = None) -> None:
        """Ask through `query`, which returns rows by the name of their columns or raises StoreUnavailableError."""
        self._query = query
        self._rules = rules() if chosen is None else chosen
        self._held: dict[Key, _Alert] = {}

    def look(self, now: float, interval: float) -> list[Json]:
        """Return the alerts to tell an Alertmanager at `now`, in its own words: firing ones, and those that have just ceased."""
        for name, rule in self._rules.items():
            for each in self._ask(name, rule):
                alert = self._held.setdefault(each.key, _Alert(each, now, now))
                alert.firing, alert.seen = each, now
        ended = [key for key, alert in self._held.items() if now - alert.seen > seconds(self._rules[key[0]].lingers)]
        told = [self._told(alert, now, 0.0) for key in ended if self._due(alert := self._held.pop(key), alert.seen)]
        return told + [self._told(alert, now, REPEATS * interval) for alert in self._held.values() if self._due(alert, now)]

    def _ask(self, name: str, rule: Rule) -> list[Firing]:
        try:
            return firing(name, rule, self._query(squeezed(rule.sql)))
        except StoreUnavailableError as error:
            _log.warning("%s: %s", name, error)
            return [Firing(name, {}, rule.silence)] if rule.on_error == "Alerting" else []

    def _due(self, alert: _Alert, at: float) -> bool:
        return at - alert.since >= seconds(self._rules[alert.firing.rule].waits)

    def _told(self, alert: _Alert, now: float, lasts: float) -> Json:
        rule = self._rules[alert.firing.rule]
        fixed = {"alertname": rule.title, "rule": alert.firing.rule, "team": rule.team, "severity": rule.severity}
        return {
            "labels": {**alert.firing.labels, **fixed},
            "annotations": {"summary": alert.firing.summary, "description": rule.question},
            "startsAt": _time(alert.since),
            "endsAt": _time(now + lasts),
        }


def tell(url: str, alerts: Iterable[Json], timeout: float = _TIMEOUT) -> None:
    """Send alerts to an Alertmanager (`http://127.0.0.1:9093`, API version 2). Raises AlertmanagerError."""
    body = orjson.dumps(list(alerts))
    headers = {"Content-Type": "application/json"}
    try:
        answer = requests.post(f"{url.rstrip('/')}/api/v2/alerts", data=body, headers=headers, timeout=timeout)
    except requests.RequestException as error:
        raise AlertmanagerError(f"the Alertmanager at {url} does not answer ({type(error).__name__}): is it up?") from error
    if not answer.ok:
        raise AlertmanagerError(f"the Alertmanager at {url} refuses our alerts (HTTP {answer.status_code}): is it version 0.16 or newer?")


def run(query: Query, url: str, interval: float, stop: threading.Event) -> None:
    """Look and tell every `interval` seconds until `stop` is set. An Alertmanager that is away is asked again."""
    evaluator = Evaluator(query)
    while True:
        try:
            tell(url, evaluator.look(time.time(), interval))
            METRICS.add(Metric.ALERTS_TOLD, outcome="taken")
        except AlertmanagerError as error:
            METRICS.add(Metric.ALERTS_TOLD, outcome="refused")
            _log.warning("%s", error)
        if stop.wait(interval):
            return


def _row(name: str, row: Mapping[str, Any]) -> tuple[dict[str, str], float]:
    labels = {column: value for column, value in row.items() if column != "value"}
    if not all(isinstance(value, str) for value in labels.values()) or not isinstance(row.get("value"), float | int):
        raise RuleShapeError(f"the rule {name} must give labels of text and one number called value")
    return labels, float(row["value"])


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
