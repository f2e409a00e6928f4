"""On-call: does every process work, keep up, and keep what it has? From the table `health`, which every process writes to."""

from __future__ import annotations

from typing import Final

from dashboards import health, links
from dashboards.board import CASES, RELEASES, Board, Note, Place, Row
from dashboards.palette import ANY_IS_BAD, BAD, GOOD, WARN, Steps
from dashboards.views import Column, Listing, Stat, Trend
from streams.core.settings import Settings
from streams.telemetry.metrics import Metric

_CHECKPOINT = Settings.model_fields["checkpoint_seconds"].default
_SILENT = 60
"""Seconds without a report (they come every ten) after which a process is taken for gone."""
_LAG: Steps = ((None, GOOD), (64, WARN), (512, BAD))
"""Records: a batch of the store, and all that its queue holds."""
_CHECKPOINT_STEPS: Steps = ((None, GOOD), (2 * _CHECKPOINT, WARN), (5 * _CHECKPOINT, BAD))
_PROCESSES = f"""
    SELECT process, instance, max(value) AS started, max(time) AS newest FROM hydrometer.health
    WHERE metric = '{Metric.STARTED.exported}' AND $__timeFilter(time) GROUP BY process, instance
"""
STARTS: Final = Note(
    name="Starts of processes",
    color=GOOD,
    sql=f"""
    SELECT toDateTime(started) AS time, concat(process, ' ', instance, ' started') AS text, 'start' AS tags FROM ({_PROCESSES})
    WHERE toDateTime(started) >= $__fromTime ORDER BY time
    """,
)
_AGE: Steps = ((None, GOOD), (60, WARN), (600, BAD))


NOW = Row(
    "Now",
    [
        Place(
            Stat(
                title="Processes that report",
                question="Is a process gone? Each writes its health every ten seconds.",
                sql=f"""
                SELECT countIf(seen >= newest - INTERVAL {_SILENT} SECOND) AS "reporting", countIf(seen < newest - INTERVAL {_SILENT}
                    SECOND) AS "silent"
                FROM (SELECT instance, max(time) AS seen, max(max(time)) OVER () AS newest FROM hydrometer.health WHERE
                    $__timeFilter(time) GROUP BY instance)
                """,
                columns={"reporting": Column(steps=((None, GOOD),)), "silent": Column(steps=((None, GOOD), (1, WARN)))},
            ),
            4,
            4,
        ),
        Place(
            Stat(
                title="Records waiting",
                question="Do agents keep up? Lag over all partitions; see below which topic it is.",
                sql=health.last(Metric.LAG, "sum"),
                steps=_LAG,
                empty="no report",
            ),
            4,
            4,
        ),
        Place(
            Stat(
                title="Oldest checkpoint",
                question="How much would a crash have to replay? Checkpoints are due every "
                f"{_CHECKPOINT:g} s of work; far older means that state cannot be written.",
                sql=health.last(Metric.CHECKPOINT_SECONDS),
                unit="s",
                decimals=0,
                steps=_CHECKPOINT_STEPS,
                empty="no report",
            ),
            4,
            4,
        ),
        Place(
            Stat(
                title="Fuse",
                question="Did collect stop because too many lines cannot be read? Then the format is wrong; nothing is lost.",
                sql=health.last(Metric.FUSE_BLOWN),
                steps=ANY_IS_BAD,
                background=True,
                empty="no report",
            ),
            4,
            4,
        ),
        Place(
            Stat(
                title="Cold starts",
                question="Was state thrown away because it could not be read? Then evidence builds up anew for those entities.",
                sql=health.increase(Metric.CHUNKS_REFUSED),
                steps=ANY_IS_BAD,
                decimals=0,
            ),
            4,
            4,
        ),
        Place(
            Stat(
                title="Store retries",
                question="Did ClickHouse refuse batches? Nothing is lost: Kafka keeps them until it takes them.",
                sql=health.increase(Metric.INSERT_RETRIES),
                steps=((None, GOOD), (1, WARN), (50, BAD)),
                decimals=0,
            ),
            4,
            4,
        ),
    ],
)

FLOW = Row(
    "Does it flow?",
    [
        Place(
            Trend(
                title="Events accepted a second",
                question="Did a feed go silent, or flood?",
                sql=health.rate(Metric.EVENTS_ACCEPTED),
                unit="eps",
                stacked=True,
                fill=30,
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Events a second, by agent",
                question="How fast does each agent work? All should follow what is accepted.",
                sql=health.rate(Metric.AGENT_EVENTS),
                unit="eps",
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Ticks a second",
                question="How often are entities scored? Ticks without events, or events without ticks, are a bug.",
                sql=health.rate(Metric.TICKS),
                unit="ops",
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Lag",
                question="Which topic waits, and is it being worked off? Lag that stands still is a stall: see the runbook.",
                sql=health.total(Metric.LAG, "topic"),
                steps=_LAG,
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Age of the newest block",
                question="How old is what an agent works on, by the events' own time? Grows with a backlog, or a late feed.",
                sql=health.gauge(Metric.AGENT_TIME, "agent", over="min", expression="toFloat64(time) - value"),
                unit="s",
                steps=_AGE[:2],
                bars_at=True,
                low=0,
                empty="No agent has said how far it is.",
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Time a block takes (p99)",
                question="Did the work itself become slower?",
                sql=health.quantile(Metric.AGENT_SECONDS, "agent"),
                unit="s",
                low=0,
                empty="No block in this time range.",
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Surprise of each feed's silence (nats)",
                question="Is a feed silent for longer than its own habits explain? 0 while events come; the rule `feed_silent` pages.",
                sql=health.gauge(Metric.FEED_NATS, "feed"),
                low=0,
                empty="No worker that stores has judged a feed.",
            ),
            24,
            6,
        ),
    ],
)

LOSS = Row(
    "Is anything set aside?",
    [
        Place(
            Trend(
                title="Dead letters by reason",
                question="Which source sends what we cannot read, and why? A fuse stops collect beyond 20 % of the last 10,000.",
                sql="""
                SELECT $__timeInterval(minute) AS bucket, concat(source, ': ', reason) AS series, sum(count) AS Value
                FROM hydrometer.dead_letters WHERE $__timeFilter(minute) GROUP BY bucket, series ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                decimals=0,
                empty="No line was set aside.",
            ),
            8,
            8,
        ),
        Place(
            Listing(
                title="Dead letters",
                question="What has been set aside in this time range?",
                sql="""
                SELECT source, reason, sum(count) AS lines, max(minute) AS newest FROM hydrometer.dead_letters
                WHERE $__timeFilter(minute) GROUP BY source, reason ORDER BY lines DESC LIMIT 100
                """,
                columns={
                    "source": Column(title="Source", width=110),
                    "reason": Column(title="Reason"),
                    "lines": Column(title="Lines", cell="gauge", steps=((None, WARN),), width=130),
                    "newest": Column(title="Newest", unit="dateTimeFromNow", width=125),
                },
                empty="No line was set aside.",
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Blocks refused or repeated",
                question="Do blocks of another layout arrive (refused), or the same ones again (repeated, and counted once)?",
                sql=(
                    health.rises(Metric.BLOCKS_REFUSED, named="refused by"),
                    health.rises(Metric.ROWS_REPEATED, named="repeated to"),
                ),
                style="bars",
                decimals=0,
                empty="None.",
            ),
            8,
            8,
        ),
    ],
)

STATE = Row(
    "State and store",
    [
        Place(
            Trend(
                title="Checkpoint age",
                question="Does the state become durable? The saw-tooth should not leave the lower line.",
                sql=health.gauge(Metric.CHECKPOINT_SECONDS, "agent"),
                unit="s",
                steps=_CHECKPOINT_STEPS[:2],
                bars_at=True,
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="State size",
                question="How much memory does the state take, and will it fit next week?",
                sql=health.total(Metric.STATE_BYTES, "agent"),
                unit="bytes",
                stacked=True,
                fill=25,
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Entities in memory",
                question="How many accounts and groups are held? Idle ones are put into the table and come back.",
                sql=health.total(Metric.ENTITIES, "agent"),
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Rows written a second",
                question="Does everything reach ClickHouse?",
                sql=health.rate(Metric.ROWS_WRITTEN),
                unit="wps",
                stacked=True,
                fill=25,
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Time a batch takes (p99)",
                question="Is ClickHouse slow?",
                sql=health.quantile(Metric.INSERT_SECONDS, "table"),
                unit="s",
                low=0,
            ),
            8,
            8,
        ),
        Place(
            Trend(
                title="Retries and cold chunks",
                question="When did ClickHouse refuse batches, and when was state thrown away?",
                sql=(
                    health.rises(Metric.INSERT_RETRIES, named="retries of"),
                    health.rises(Metric.CHUNKS_REFUSED, named="cold chunks of"),
                ),
                style="bars",
                decimals=0,
                empty="Never in this time range.",
            ),
            8,
            8,
        ),
    ],
)

SHADOW = Row(
    "On trial",
    [
        Place(
            Trend(
                title="Shadow hits",
                question="How often would each detector on trial have spoken (3 nats or more)? Too often, and it is not ready.",
                sql="""
                SELECT $__timeInterval(time) AS bucket, concat(toString(detector), ' ', toString(entity_kind)) AS series, countIf(score
                    >= 3) AS Value
                FROM hydrometer.shadow_scores WHERE $__timeFilter(time) GROUP BY bucket, series ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                decimals=0,
                empty="No detector on trial said anything.",
            ),
            12,
            8,
        ),
        Place(
            Listing(
                title="Processes",
                question="Which processes report, since when, and when did each report last?",
                sql=f"""
                SELECT process, instance, toDateTime(started) AS since, newest FROM ({_PROCESSES}) ORDER BY newest DESC LIMIT 100
                """,
                columns={
                    "process": Column(title="Process"),
                    "instance": Column(title="Instance"),
                    "since": Column(title="Started", unit="dateTimeAsIso"),
                    "newest": Column(title="Last report", unit="dateTimeFromNow"),
                },
                empty="No process reports: is ClickHouse reachable from the workers?",
            ),
            12,
            8,
        ),
    ],
)

board = Board(
    uid=links.ONCALL,
    title="On-call",
    question="Does every process work, keep up, and keep what it has?",
    since="now-6h",
    refresh="10s",
    notes=(*CASES, RELEASES, STARTS),
    rows=[NOW, FLOW, LOSS, STATE, SHADOW],
)
