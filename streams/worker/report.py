"""Metrics of the process from the counters of its stages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from streams.telemetry.metrics import Metric, Registry

if TYPE_CHECKING:
    from streams.worker.partition import Partition

TOTALS: Final[Mapping[str, Metric]] = {
    "events": Metric.AGENT_EVENTS,
    "rows": Metric.AGENT_EVENTS,
    "ticks": Metric.TICKS,
    "group_ticks": Metric.TICKS,
    "replayed": Metric.ROWS_REPEATED,
    "repeated": Metric.ROWS_REPEATED,
    "duplicates": Metric.EVENTS_REPEATED,
    "evicted": Metric.EVICTED,
    "ended": Metric.ENDED,
    "left_out": Metric.LEFT_OUT,
    "unbelievable": Metric.EVENTS_UNBELIEVABLE,
    "cold_chunks": Metric.CHUNKS_REFUSED,
}
"""Metric of each total that a stage counts since it was made."""

GAUGES: Final[Mapping[str, Metric]] = {
    "entities": Metric.ENTITIES,
    "members": Metric.ENTITIES,
    "state_bytes": Metric.STATE_BYTES,
    "newest": Metric.AGENT_TIME,
}
"""Metric of each current size or time of a stage."""


def report_stage(metrics: Registry, agent: str, number: int, partition: Partition, now: float) -> None:
    """Set the gauges of one partition, and increase the counters by the difference since the last report.

    Args:
        metrics: Registry of the process.
        agent: Name of the agent.
        number: Number of the partition.
        partition: The partition.
        now: Seconds of a monotonic clock.
    """
    counted = partition.stage.counters()
    totals = {metric: counted[name] for name, metric in TOTALS.items() if name in counted}
    totals[Metric.BLOCKS_REFUSED] = float(partition.rejected)
    for metric, total in totals.items():
        metrics.add(metric, total - partition.reported.get(metric, 0.0), agent=agent)
        partition.reported[metric] = total
    metrics.set(Metric.CHECKPOINT_SECONDS, partition.checkpoint.age(now), agent=agent, partition=number)
    for name, metric in GAUGES.items():
        if name in counted and math.isfinite(counted[name]):
            metrics.set(metric, counted[name], agent=agent, partition=number)
