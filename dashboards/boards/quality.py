"""Data quality: what the logs lack, what comes late, and which features have moved since last week."""

from __future__ import annotations

from typing import Final

from dashboards import health, links
from dashboards.board import CASES, RELEASES, Board, Choice, Row, Tile
from dashboards.palette import BAD, CALM, GOOD, WARN, Steps
from dashboards.query import variable
from dashboards.views import Bars, Column, Listing, Stat, Trend
from models.evidence.families import FAMILIES
from streams.clickhouse.unknown import COUNTS, SAMPLE
from streams.features.registry import features
from streams.replay.blind_fields import stored
from streams.replay.lacking_costs import cost_without, sentences
from streams.schema.event import FIELDS as FIELDS_OF_EVENT
from streams.telemetry.metrics import Metric

_FEATURE: Final = variable("feature")
_UNKNOWN_STEPS: Final[Steps] = ((None, GOOD), (0.2, WARN), (0.8, BAD))
_REQUESTS: Final = "FROM hydrometer.requests WHERE $__timeFilter(time)"
_COUNTED: Final = f"(SELECT [{COUNTS}] AS counts, count() AS total {SAMPLE} WHERE $__timeFilter(time))"
"""For each field, in how many rows of the sample it is unknown; and the rows."""
_COLUMNS: Final = {field.wire: field.column for field in FIELDS_OF_EVENT}
_BLIND: Final = {_COLUMNS[field]: ", ".join(blind) for field, blind in stored().blind_without.items()}
_BLIND_WITHOUT: Final = f"transform(unknown.1, {list(_BLIND)!r}, {list(_BLIND.values())!r}, '')"
_COSTS: Final = {_COLUMNS[name]: text for name in _COLUMNS if (text := cost_without(name, _COLUMNS))}
_FOUND_WITHOUT: Final = f"transform(unknown.1, {list(_COSTS)!r}, {list(_COSTS.values())!r}, '')"
_FEATURES: Final = {feature.name(): feature for kind in ("account", "group") for feature in features(kind)}
_DECLARED: Final = ", ".join(f"('{name}', '{feature.family}', '{feature.entity}')" for name, feature in _FEATURES.items())

FIELDS = Row(
    "Fields of the logs",
    [
        Tile(
            Stat(
                title="Requests",
                question="How many requests is this about?",
                sql=f"SELECT count() AS requests {_REQUESTS}",
                color=CALM,
            ),
            4,
            5,
        ),
        Tile(
            Stat(
                title="Dead-letter share",
                question="What share of all lines could not be read?",
                sql=f"""
                SELECT if(lines + kept = 0, 0, lines / (lines + kept)) AS share
                FROM (SELECT sum(count) AS lines FROM hydrometer.dead_letters WHERE $__timeFilter(minute)) AS dead,
                (SELECT count() AS kept {_REQUESTS}) AS alive
                """,
                unit="percentunit",
                decimals=2,
                steps=((None, GOOD), (0.01, WARN), (0.2, BAD)),
            ),
            4,
            5,
        ),
        Tile(
            Stat(
                title="Late events",
                question=(
                    "How many events arrived more than a minute behind the newest of their partition? Up to one hour they count in full."
                ),
                sql=health.increase(Metric.EVENTS_LATE),
                steps=((None, GOOD), (1000, WARN)),
                decimals=0,
            ),
            4,
            5,
        ),
        Tile(
            Stat(
                title="Clock skew",
                question="Is the clock of a gateway wrong? Events that are more than a day off become dead letters.",
                sql=health.last(Metric.CLOCK_SKEW, "max", "abs(value)"),
                unit="s",
                decimals=1,
                steps=((None, GOOD), (60, WARN), (3600, BAD)),
                empty="no report",
            ),
            4,
            5,
        ),
        Tile(
            Stat(
                title="Requests older than their account",
                question="What share of requests is older than its account? Above zero, the account dates in the log are wrong.",
                sql=f"SELECT if(count() = 0, 0, countIf(account_created > time) / count()) AS share {_REQUESTS}",
                unit="percentunit",
                decimals=2,
                steps=((None, GOOD), (0.001, WARN), (0.01, BAD)),
            ),
            4,
            5,
        ),
        Tile(
            Stat(
                title="Fields that are never present",
                question="How many fields does no line carry, in an eighth of the rows? Features that need them are unknown.",
                sql=f"SELECT arrayCount(unknown -> unknown.2 = total, counts) AS fields FROM {_COUNTED}",
                steps=((None, GOOD), (1, WARN), (10, BAD)),
            ),
            4,
            5,
        ),
        Tile(
            Listing(
                title="Unknown share of each field",
                question="Which fields are missing from the logs, in an eighth of the rows? Ask the owners of the gateway for them. "
                f"{' '.join(sentences(()))}",
                sql=f"SELECT unknown.1 AS field, unknown.2 / total AS share, {_BLIND_WITHOUT} AS blind, {_FOUND_WITHOUT} AS found "
                f"FROM {_COUNTED} "
                "ARRAY JOIN counts AS unknown ORDER BY share DESC, field",
                columns={
                    "field": Column(title="Field", width=180),
                    "share": Column(title="Unknown", unit="percentunit", cell="gauge", steps=_UNKNOWN_STEPS, high=1, decimals=1),
                    "blind": Column(title="Blind without it"),
                    "found": Column(title="Campaigns found without it", width=220),
                },
            ),
            8,
            12,
        ),
        Tile(
            Trend(
                title="Unknown share over time",
                question="Did a release of the gateway drop a field? One field of each kind, over time.",
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, countIf(account_created IS NULL) / count() AS "account created",
                    countIf(payment = 0) / count() AS "payment",
                countIf(router = 0) / count() AS "router", countIf(client_network = 0) / count() AS "client network",
                    countIf(output_tokens IS NULL) / count() AS "output tokens",
                countIf(template = 0) / count() AS "prompt template", countIf(end_user = 0) / count() AS "end user" {_REQUESTS} GROUP
                    BY bucket ORDER BY bucket
                """,
                unit="percentunit",
                low=0,
                high=1,
            ),
            8,
            12,
        ),
        Tile(
            Listing(
                title="Unknown share of each feature",
                question="For what share of scored entities is a feature unknown? A feature that is unknown for most cannot decide a case.",
                sql=f"""
                SELECT declared.1 AS feature, declared.2 AS family, declared.3 AS entity, if(scored = 0, 1, 1 - known / scored) AS
                    share FROM (
                    SELECT arrayJoin([{_DECLARED}]) AS declared, known_of[declared.1] AS known, if(declared.3 = 'account', accounts,
                        groups) AS scored FROM (
                        SELECT (SELECT mapFromArrays(groupArray(name), groupArray(times)) FROM (
                            SELECT toString(name) AS name, count() AS times FROM hydrometer.scores ARRAY JOIN features.keys AS name
                            WHERE $__timeFilter(time) GROUP BY name)) AS known_of,
                        countIf(entity_kind = 'account') AS accounts, countIf(entity_kind != 'account') AS groups
                        FROM hydrometer.scores WHERE $__timeFilter(time)))
                ORDER BY share DESC, feature
                """,
                columns={
                    "feature": Column(title="Feature", width=170),
                    "family": Column(title="Family", width=95),
                    "entity": Column(title="Of", width=75),
                    "share": Column(title="Unknown", unit="percentunit", cell="gauge", steps=_UNKNOWN_STEPS, high=1, decimals=1),
                },
            ),
            8,
            12,
        ),
    ],
)

TIME = Row(
    "Time",
    [
        Tile(
            Trend(
                title="Late events",
                question="Which source delivers late?",
                sql=health.rises(Metric.EVENTS_LATE),
                style="bars",
                decimals=0,
                empty="No late events.",
            ),
            8,
            7,
        ),
        Tile(
            Trend(
                title="Clock skew",
                question="Which source's clock is wrong, and since when? Above zero: it is ahead of our clock.",
                sql=health.gauge(Metric.CLOCK_SKEW, over="argMax", expression="value, time"),
                unit="s",
                empty="No live source reports.",
            ),
            8,
            7,
        ),
        Tile(
            Trend(
                title="Lines refused a minute",
                question="Which source sends lines that cannot be read?",
                sql="""
                SELECT $__timeInterval(minute) AS bucket, concat(source, ': ', reason) AS series, sum(count) * 60 / $__interval_s AS Value
                FROM hydrometer.dead_letters WHERE $__timeFilter(minute) GROUP BY bucket, series ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                unit="cpm",
                empty="None.",
            ),
            8,
            7,
        ),
    ],
)

_WINDOWS: Final = {
    "now": "time >= $__fromTime AND time <= $__toTime",
    "then": "time >= $__fromTime - INTERVAL 7 DAY AND time <= $__toTime - INTERVAL 7 DAY",
}


def _quantiles(window: str) -> str:
    return f"""
    SELECT feature, spread[1] AS low, spread[2] AS middle, spread[3] AS high FROM (
        SELECT feature, quantiles(0.1, 0.5, 0.9)(seen) AS spread
        FROM hydrometer.scores ARRAY JOIN features.keys AS feature, features.values AS seen
        WHERE {_WINDOWS[window]} AND cityHash64(entity_id) % 8 = 0 GROUP BY feature)
    """


DRIFT = Row(
    "Features against last week",
    [
        Tile(
            Listing(
                title="Distributions against last week",
                question="Which feature has changed for all entities? Then the logs have changed, or all users have. "
                "`Then` is a week before; the shift is in spreads (10th to 90th percentile) of then; one entity in eight.",
                sql=f"""
                SELECT feature, round(now.low, 3) AS low_now, round(now.middle, 3) AS median_now, round(now.high, 3) AS high_now,
                if(then.feature = '', NULL, round(then.low, 3)) AS low_then, if(then.feature = '', NULL, round(then.middle, 3)) AS
                    median_then, if(then.feature = '', NULL, round(then.high, 3)) AS high_then,
                if(then.feature = '', NULL, abs(now.middle - then.middle) / greatest(then.high - then.low, 0.01)) AS shift
                FROM ({_quantiles("now")}) AS now LEFT JOIN ({_quantiles("then")}) AS then USING feature ORDER BY shift DESC NULLS
                    LAST, feature
                """,
                columns={
                    "feature": Column(title="Feature"),
                    "low_now": Column(title="p10 now", width=105),
                    "median_now": Column(title="Median now", width=105),
                    "high_now": Column(title="p90 now", width=105),
                    "low_then": Column(title="p10 then", width=105),
                    "median_then": Column(title="Median then", width=105),
                    "high_then": Column(title="p90 then", width=105),
                    "shift": Column(
                        title="Shift", cell="color-background", steps=((None, "transparent"), (0.25, WARN), (1, BAD)), decimals=2, width=80
                    ),
                },
                empty="Nothing was scored in this time range.",
            ),
            14,
            12,
        ),
        Tile(
            Bars(
                title="Distribution of the chosen feature",
                question="How did the shape change? Shares of entities by value, this range against a week before.",
                sql=f"""
                SELECT toString(round(low + (place + 0.5) * (high - low) / 20, 2)) AS value, countIf(recent AND cell = place) /
                    greatest(countIf(recent), 1) AS "now",
                countIf(NOT recent AND cell = place) / greatest(countIf(NOT recent), 1) AS "last week"
                FROM (SELECT recent, seen, least(19, toInt32(20 * (seen - low) / greatest(high - low, 1e-9))) AS cell, low, high FROM (
                    SELECT recent, seen, min(seen) OVER () AS low, max(seen) OVER () AS high FROM (
                        SELECT time >= $__fromTime AS recent, argMax(features.values[indexOf(features.keys, {_FEATURE})],
                            time) AS seen FROM hydrometer.scores
                        WHERE ({_WINDOWS["now"]} OR {_WINDOWS["then"]}) AND has(features.keys, {_FEATURE})
                        AND cityHash64(entity_id) % 8 = 0 GROUP BY recent, entity_kind, entity_id))) AS seen_values
                CROSS JOIN (SELECT number AS place FROM numbers(20)) AS places GROUP BY place, low, high ORDER BY place
                """,
                unit="percentunit",
                horizontal=False,
                columns={"now": Column(color=CALM), "last week": Column(color="#8E8E8E")},
            ),
            10,
            12,
        ),
    ],
)

board = Board(
    uid=links.uid_of(__name__),
    title="Data quality",
    order=6,
    question="Which fields are missing, which events are late, and which features have changed?",
    since="now-24h",
    refresh="5m",
    notes=(*CASES, RELEASES),
    choices=[
        Choice(
            name="feature",
            label="Feature",
            fixed=[
                (f"{feature.family}, {name}", name)
                for name, feature in sorted(_FEATURES.items(), key=lambda item: (FAMILIES.index(item[1].family), item[0]))
            ],
        )
    ],
    rows=[FIELDS, TIME, DRIFT],
)
