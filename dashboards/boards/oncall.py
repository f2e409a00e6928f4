"""On-call: does every process work, keep up, and keep what it has? From the table `health`, which every process writes to."""

from __future__ import annotations

from typing import Final

from dashboards import health, links
from dashboards.board import CASES, RELEASES, Board, Note, Row, Tile
from dashboards.palette import ANY_IS_BAD, BAD, GOOD, WARN, Steps
from dashboards.views import Column, Listing, Stat, Trend
from streams.core.settings import Settings
from streams.telemetry.metrics import Metric

_CHECKPOINT = Settings.model_fields["checkpoint_seconds"].default
_SILENT_SECONDS = 60
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
        Tile(
            Stat(
                title="Processes that report",
                question="Has a process stopped reporting? Each writes its health every ten seconds.",
                sql=f"""
                SELECT countIf(seen >= newest - INTERVAL {_SILENT_SECONDS} SECOND) AS "reporting",
                    countIf(seen < newest - INTERVAL {_SILENT_SECONDS} SECOND) AS "silent"
                FROM (SELECT instance, max(time) AS seen, max(max(time)) OVER () AS newest FROM hydrometer.health WHERE
                    $__timeFilter(time) GROUP BY instance)
                """,
                columns={"reporting": Column(steps=((None, GOOD),)), "silent": Column(steps=((None, GOOD), (1, WARN)))},
            ),
            4,
            4,
        ),
        Tile(
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
        Tile(
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
        Tile(
            Stat(
                title="Dead-letter limit",
                question=(
                    "Did collect stop because too many lines cannot be read? Then the format is wrong; events are kept at their source."
                ),
                sql=health.last(Metric.FUSE_BLOWN),
                steps=ANY_IS_BAD,
                background=True,
                empty="no report",
            ),
            4,
            4,
        ),
        Tile(
            Stat(
                title="Cold starts",
                question="Was state discarded because it could not be read? Then those entities collect evidence from zero.",
                sql=health.increase(Metric.CHUNKS_REFUSED),
                steps=ANY_IS_BAD,
                decimals=0,
            ),
            4,
            4,
        ),
        Tile(
            Stat(
                title="Store retries",
                question="Did ClickHouse refuse batches? They are retried; Kafka keeps the data meanwhile.",
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
        Tile(
            Trend(
                title="Events accepted a second",
                question="Did a source stop, or send far more than usual?",
                sql=health.rate(Metric.EVENTS_ACCEPTED),
                unit="eps",
                stacked=True,
                fill=30,
                low=0,
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Events a second, by agent",
                question="How many events does each agent process? Each should follow the events accepted.",
                sql=health.rate(Metric.AGENT_EVENTS),
                unit="eps",
                low=0,
            ),
            8,
            8,
        ),
        Tile(
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
        Tile(
            Trend(
                title="Lag",
                question="Which topic has a backlog, and is it shrinking? A constant lag is a stall: see the runbook.",
                sql=health.total(Metric.LAG, "topic"),
                steps=_LAG,
                low=0,
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Age of the newest block",
                question="How old are the events that an agent processes, by event time? It grows with a backlog or a late source.",
                sql=health.gauge(Metric.AGENT_TIME, "agent", over="min", expression="toFloat64(time) - value"),
                unit="s",
                steps=_AGE[:2],
                bars_at=True,
                low=0,
                empty="No agent has reported its event time.",
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Time a block takes (p99)",
                question="Does processing a block take longer than before?",
                sql=health.quantile(Metric.AGENT_SECONDS, "agent"),
                unit="s",
                low=0,
                empty="No block in this time range.",
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Feed silence against its habit (nats)",
                question="Is a feed silent for longer than usual at this hour? 0 while events arrive; the rule `feed_silent` pages.",
                sql=health.gauge(Metric.FEED_NATS, "feed"),
                low=0,
                empty="No worker has judged a feed yet.",
            ),
            24,
            6,
        ),
    ],
)

LOSS = Row(
    "Is anything set aside?",
    [
        Tile(
            Trend(
                title="Dead letters by reason",
                question="Which source sends lines that cannot be read, and why? Above 20 % of the last 10,000 lines collect stops.",
                sql="""
                SELECT $__timeInterval(minute) AS bucket, concat(source, ': ', reason) AS series, sum(count) AS Value
                FROM hydrometer.dead_letters WHERE $__timeFilter(minute) GROUP BY bucket, series ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                decimals=0,
                empty="No dead letters.",
            ),
            8,
            8,
        ),
        Tile(
            Listing(
                title="Dead letters",
                question="Which lines became dead letters in this time range?",
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
                empty="No dead letters.",
            ),
            8,
            8,
        ),
        Tile(
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
        Tile(
            Trend(
                title="Checkpoint age",
                question="Is state written to Kafka in time? The saw-tooth should stay below the lower line.",
                sql=health.gauge(Metric.CHECKPOINT_SECONDS, "agent"),
                unit="s",
                steps=_CHECKPOINT_STEPS[:2],
                bars_at=True,
                low=0,
            ),
            8,
            8,
        ),
        Tile(
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
        Tile(
            Trend(
                title="Entities in memory",
                question="How many accounts and groups are in memory? Idle ones move to the table on disk until they return.",
                sql=health.total(Metric.ENTITIES, "agent"),
                low=0,
            ),
            8,
            8,
        ),
        Tile(
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
        Tile(
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
        Tile(
            Trend(
                title="Retries and cold chunks",
                question="When did ClickHouse refuse batches, and when was state discarded?",
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

INTERRUPTIONS = Row(
    "Is anything interrupted?",
    [
        Tile(
            Stat(
                title="Starts",
                question="How many processes started in this time range? More than a deployment explains is a crash loop.",
                sql=f"SELECT countIf(toDateTime(started) >= $__fromTime) AS value FROM ({_PROCESSES}) HAVING count() > 0",
                steps=((None, GOOD), (20, WARN), (100, BAD)),
                decimals=0,
                empty="no report",
            ),
            4,
            8,
        ),
        Tile(
            Stat(
                title="Lag unknown",
                question="For how many agents is it unknown how many records wait? Then Kafka or a consumer does not answer.",
                sql=health.last(Metric.LAG_UNKNOWN, "sum"),
                steps=ANY_IS_BAD,
                background=True,
                decimals=0,
                empty="no report",
            ),
            4,
            8,
        ),
        Tile(
            Trend(
                title="Rebalances and gaps read back",
                question="How often were partitions dealt out anew, and records read back that were left out on their way?",
                sql=(
                    health.rises(Metric.REBALANCES, named="rebalances of"),
                    health.rises(Metric.GAPS_READ_BACK, named="gaps of"),
                ),
                style="bars",
                decimals=0,
                empty="Never in this time range.",
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Late owners and state behind",
                question=(
                    "Did a worker that had lost a partition notice it (dropped) or still write (ignored), or was state behind what was "
                    "acknowledged (read again)? Nothing is lost; a worker was frozen."
                ),
                sql=(
                    health.rises(Metric.OWNERS_FENCED, named="dropped by"),
                    health.rises(Metric.WRITES_FENCED, named="ignored of"),
                    health.rises(Metric.STATE_BEHIND, named="read again by"),
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
        Tile(
            Trend(
                title="Shadow detectors above 3 nats",
                question="How often did each shadow detector score 3 nats or more? A detector that does so often is not ready.",
                sql="""
                SELECT $__timeInterval(time) AS bucket, concat(toString(detector), ' ', toString(entity_kind)) AS series, countIf(score
                    >= 3) AS Value
                FROM hydrometer.shadow_scores WHERE $__timeFilter(time) GROUP BY bucket, series ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                decimals=0,
                empty="No shadow detector scored 3 nats or more.",
            ),
            12,
            8,
        ),
        Tile(
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
    uid=links.uid_of(__name__),
    title="On-call",
    order=7,
    question="Does every process run, keep up with its input, and write its state?",
    since="now-6h",
    refresh="10s",
    notes=(*CASES, RELEASES, STARTS),
    rows=[NOW, FLOW, LOSS, STATE, INTERRUPTIONS, SHADOW],
)
