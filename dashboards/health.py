"""Queries over the table `health`: gauges unchanged, counters as rates, each over all instances of a process.

A counter starts at 0 again with each instance: a fall is read as a restart, as Prometheus does. Numbers of a series that a label names are
called `Value`: the one name that Grafana leaves out of the legend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.telemetry.metrics import Metric

_ALL: Final = "'all'"


def rate(metric: Metric, *labels: str) -> str:
    """Return the query of a counter's increase a second, a series for each combination of labels."""
    return f"""
    SELECT bucket, series, sum(increase) / $__interval_s AS Value FROM ({_increases(metric.exported, _series(metric, labels))})
    GROUP BY bucket, series ORDER BY bucket
    """


def rises(metric: Metric, *labels: str, named: str = "") -> str:
    """Return the query of a counter that rises rarely: its increases only. named: the series' name before its labels."""
    return f"""
    SELECT bucket, series, sum(increase) AS Value FROM ({_increases(metric.exported, _series(metric, labels, named))})
    GROUP BY bucket, series HAVING Value > 0 ORDER BY bucket
    """


def gauge(metric: Metric, *labels: str, over: str = "max", expression: str = "value") -> str:
    """Return the query of a gauge, a series for each combination of labels; `over` combines an `expression` over instances and moments."""
    return f"""
    SELECT $__timeInterval(time) AS bucket, {_series(metric, labels)} AS series, {over}({expression}) AS Value FROM hydrometer.health
    WHERE $__timeFilter(time) AND metric = '{metric.exported}' GROUP BY bucket, series ORDER BY bucket
    """


def total(metric: Metric, label: str) -> str:
    """Return the query of a gauge that is summed over partitions and instances: the last value of each, a series a label."""
    return f"""
    SELECT bucket, series, sum(last) AS Value FROM (
        SELECT $__timeInterval(time) AS bucket, labels['{label}'] AS series, argMax(value, time) AS last FROM hydrometer.health
        WHERE $__timeFilter(time) AND metric = '{metric.exported}' GROUP BY bucket, series, instance, cityHash64(labels))
    GROUP BY bucket, series ORDER BY bucket
    """


def quantile(metric: Metric, label: str, percent: int = 99) -> str:
    """Return the query of a histogram's upper quantile (`percent`: 50 or 99), the worst over instances, a series a `label`."""
    return f"""
    SELECT $__timeInterval(time) AS bucket, labels['{label}'] AS series, max(value) AS Value FROM hydrometer.health
    WHERE $__timeFilter(time) AND metric = '{metric.exported}_p{percent}' GROUP BY bucket, series ORDER BY bucket
    """


def last(metric: Metric, over: str = "max", expression: str = "value") -> str:
    """Return one number: the newest value of each instance and label of a gauge, an `expression` of them combined by `over`.

    No row without one.
    """
    return f"""
    SELECT {over}({expression}) AS value FROM (
        SELECT argMax(value, time) AS value FROM hydrometer.health
        WHERE $__timeFilter(time) AND metric = '{metric.exported}' GROUP BY process, instance, cityHash64(labels))
    HAVING count() > 0
    """


def increase(metric: Metric) -> str:
    """Return one number: the increase of a counter in the time range, over all instances and labels."""
    return f"SELECT sum(increase) AS value FROM ({_increases(metric.exported, _ALL)})"


def _increases(exported: str, series: str) -> str:
    """Return rows of bucket, series, increase since the report before; the first report of an instance counts nothing."""
    return f"""
    SELECT $__timeInterval(time) AS bucket, {series} AS series,
    if(value < before, value, value - before) AS increase FROM (
        SELECT time, labels, value, lagInFrame(value, 1, value) OVER (PARTITION BY process, instance, cityHash64(labels) ORDER BY time)
            AS before
        FROM hydrometer.health WHERE $__timeFilter(time) AND metric = '{exported}')
    """


def _series(metric: Metric, labels: Sequence[str], named: str = "") -> str:
    parts = [f"'{named}'"] * bool(named) + [f"labels['{label}']" for label in labels or metric.value.labels]
    return f"arrayStringConcat([{', '.join(parts)}], ' ')" if len(parts) > 1 else (*parts, _ALL)[0]
