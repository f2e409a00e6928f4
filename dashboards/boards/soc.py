"""SOC overview: what is open, what is coming, and how much has gone."""

from __future__ import annotations

from typing import Final

from dashboards import links
from dashboards.board import Board, Choice, Row, Tile
from dashboards.palette import ALERT_NATS, ANY_IS_BAD, CALM, EXTRACTION, EXTRACTION_STEPS, ROUTING, ROUTING_NATS, ROUTING_STEPS
from dashboards.query import variable
from dashboards.sql import AGE, AGE_BANDS, ALERTED, COUNTED, LEAKED_ACCOUNTS, PART_COLUMNS, TIER, parts, per_minute
from dashboards.views import Bars, Column, Heat, Listing, Stat, Trend
from streams.clickhouse.hash_text import hashed

_COHORT: Final = variable("cohort")
_OPEN: Final = f"FROM hydrometer.cases FINAL WHERE state = 'open' AND {ALERTED}"
_QUEUE: Final = "FROM hydrometer.cases FINAL WHERE state = 'open' AND NOT muted"
_EDGES: Final = (0, 2.5, 5, 7.5, 10, ALERT_NATS, 16, 20, 25)
"""Upper edges of the heat map's buckets, in nats; a last bucket holds the rest."""


def _open_cases(behaviour: str, title: str, question: str) -> Stat:
    return Stat(
        title=title,
        question=question,
        sql=f"SELECT count() AS cases {_OPEN} AND behaviour = '{behaviour}'",
        steps=ANY_IS_BAD,
        background=True,
    )


_LEAK = f"""
SELECT sum(tokens) AS tokens FROM (
    SELECT name, max(JSONExtractFloat(value, 'output_tokens')) AS tokens
    FROM hydrometer.case_lists WHERE part = 'members' AND case_id IN (SELECT case_id {_OPEN} AND behaviour = 'extraction') GROUP BY name)
"""

NOW = Row(
    "Now",
    [
        Tile(_open_cases("extraction", "Open extraction cases", "How many campaigns are being worked that copy the model?"), 4, 4),
        Tile(
            _open_cases("routing", "Open routing cases", "How many relays or resellers are open? Their users are not called distillers."),
            4,
            4,
        ),
        Tile(
            Stat(
                title="Accounts in extraction cases",
                question="How many accounts would a decision touch? Each is counted once, however many cases name it.",
                sql=f"SELECT uniqExact(name) AS accounts FROM ({LEAKED_ACCOUNTS})",
                color=EXTRACTION,
            ),
            4,
            4,
        ),
        Tile(
            Stat(
                title="Leak estimate (output tokens)",
                question="How many output tokens have the members of open extraction cases taken? An upper bound: all that they asked for.",
                sql=_LEAK,
                color=EXTRACTION,
                decimals=1,
            ),
            4,
            4,
        ),
        Tile(
            Stat(
                title="New routers",
                question=(
                    "How many router fingerprints were first seen in this time range? Campaigns that change their tools appear on new ones."
                ),
                sql="""
                SELECT countIf($__timeFilter(first)) AS routers
                FROM (SELECT min(time) AS first FROM hydrometer.scores WHERE entity_kind = 'router' GROUP BY entity_id)
                """,
                color=CALM,
            ),
            4,
            4,
        ),
        Tile(
            Stat(
                title="Alerts opened",
                question="How many alerts opened in this time range? Many alerts in few cases are one campaign seen through many entities.",
                sql="SELECT uniqExact(alert_id) AS alerts FROM hydrometer.alerts WHERE state = 'open' AND $__timeFilter(time)",
                color=CALM,
            ),
            4,
            4,
        ),
        Tile(
            Listing(
                title="Open cases",
                question="What should be worked next? Alerts by evidence, then questions to account holders; a click opens a case.",
                sql=f"""
                SELECT case_id, behaviour, title, accounts, requests, output_tokens, extraction, routing, opened_at, updated_at,
                if(JSONExtractString(payload, 'label', 'verdict') = '', 'undecided', JSONExtractString(payload, 'label', 'verdict')) AS
                    verdict, {TIER} AS tier
                {_QUEUE} ORDER BY tier, behaviour = 'extraction' DESC, greatest(extraction / {ALERT_NATS}, routing / {ROUTING_NATS}) DESC
                LIMIT 100
                """,
                columns={
                    "case_id": Column(title="Case", link=links.to_case(), width=165),
                    "behaviour": Column(title="Behaviour", width=90),
                    "title": Column(title="Why"),
                    "accounts": Column(title="Accounts", width=80),
                    "requests": Column(title="Requests", width=85),
                    "output_tokens": Column(title="Output tokens", width=115, decimals=1),
                    "extraction": Column(
                        title="Extraction", unit="suffix: nats", cell="gauge", steps=EXTRACTION_STEPS, high=40, decimals=1, width=150
                    ),
                    "routing": Column(
                        title="Routing", unit="suffix: nats", cell="gauge", steps=ROUTING_STEPS, high=14, decimals=1, width=140
                    ),
                    "opened_at": Column(title="Opened", unit="dateTimeFromNow", width=105),
                    "updated_at": Column(title="Updated", unit="dateTimeFromNow", width=120),
                    "verdict": Column(title="Decision", width=90),
                    "tier": Column(title="Tier", width=60),
                },
                empty="No case is open.",
            ),
            24,
            8,
        ),
    ],
)


def _strongest(behaviour: str) -> str:
    """Return the strongest account and group of the last six hours at each moment: a group is scored anew only when it has grown."""
    return f"""
    SELECT bucket, max(account) OVER recent AS "strongest account", max(others) OVER recent AS "strongest group", crowd AS "p90 of accounts"
    FROM (SELECT $__timeInterval(time) AS bucket, maxOrNullIf({behaviour}, entity_kind = 'account') AS account,
        maxOrNullIf({behaviour}, entity_kind != 'account') AS others, quantileOrNullIf(0.9)({behaviour}, entity_kind = 'account') AS crowd
        FROM hydrometer.scores WHERE $__timeFilter(time) GROUP BY bucket)
    WINDOW recent AS (ORDER BY bucket RANGE BETWEEN {6 * 3600} PRECEDING AND CURRENT ROW) ORDER BY bucket
    """


def _bucket(low: float | None, high: float | None) -> str:
    above = "1" if low is None else f"extraction >= {low:g}"
    below = "1" if high is None else f"extraction < {high:g}"
    return f'countIf({above} AND {below}) AS "{"+Inf" if high is None else f"{high:g}"}"'


_BUCKETS = ", ".join(_bucket(low, high) for low, high in zip((None, *_EDGES), (*_EDGES, None), strict=True))

EVIDENCE = Row(
    "Evidence",
    [
        Tile(
            Trend(
                title="Extraction over time",
                question="Is the model being distilled, and since when? Alerts open at the upper line.",
                sql=_strongest("extraction"),
                unit="suffix: nats",
                steps=EXTRACTION_STEPS,
                bars_at=True,
                low=0,
                columns={
                    "strongest account": Column(color="#FF9830"),
                    "strongest group": Column(color=EXTRACTION),
                    "p90 of accounts": Column(color="#8E8E8E"),
                },
            ),
            8,
            9,
        ),
        Tile(
            Trend(
                title="Routing over time",
                question="Is the service being resold or relayed, and since when?",
                sql=_strongest("routing"),
                unit="suffix: nats",
                steps=ROUTING_STEPS,
                bars_at=True,
                low=0,
                columns={
                    "strongest account": Column(color="#8AB8FF"),
                    "strongest group": Column(color=ROUTING),
                    "p90 of accounts": Column(color="#8E8E8E"),
                },
            ),
            8,
            9,
        ),
        Tile(
            Heat(
                title="Heat map of extraction evidence",
                question=f"Do a few entities move away from the rest, or do all (then suspect a change in the logs)? Each cell counts "
                f"scores; alerts open at {ALERT_NATS:g} nats.",
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, {_BUCKETS} FROM hydrometer.scores
                WHERE $__timeFilter(time) GROUP BY bucket ORDER BY bucket
                """,
                axis="nats",
            ),
            8,
            9,
        ),
        Tile(
            Bars(
                title="Why: the score of each open case, by what counts",
                question="What adds how much to the score of each case, and what takes from it? Doubt a case with a single colour.",
                sql=f"""
                SELECT case_id, {parts("counted")}
                FROM (SELECT case_id, extraction, {COUNTED} AS counted {_OPEN})
                ORDER BY extraction DESC LIMIT 12
                """,
                unit="suffix: nats",
                decimals=1,
                stacked=True,
                columns=PART_COLUMNS,
                link=links.to_case(),
                empty="No case is open.",
            ),
            10,
            10,
        ),
        Tile(
            Listing(
                title="Near the threshold",
                question="Which entities have evidence but no alert yet? Investigate before you act.",
                sql=f"""
                SELECT entity_kind, entity_id, round(max(extraction), 1) AS extraction, round(max(routing), 1) AS routing,
                    max(requests) AS requests,
                max(time) AS seen, {links.path_of("entity_kind", "entity_id")} AS path
                FROM hydrometer.scores AS score
                WHERE $__timeFilter(time) AND (entity_kind, entity_id) NOT IN (SELECT entity_kind, entity_id FROM hydrometer.alerts)
                AND (score.extraction >= {ALERT_NATS / 3:g} OR score.routing >= {ROUTING_NATS / 2:g})
                GROUP BY entity_kind, entity_id ORDER BY greatest(extraction / {ALERT_NATS}, routing / {ROUTING_NATS}) DESC LIMIT 50
                """,
                columns={
                    "entity_kind": Column(title="Kind", width=85),
                    "entity_id": Column(title="Entity", link=links.to_path("Open it", "path")),
                    "extraction": Column(
                        title="Extraction", unit="suffix: nats", cell="gauge", steps=EXTRACTION_STEPS, high=ALERT_NATS, decimals=1
                    ),
                    "routing": Column(
                        title="Routing", unit="suffix: nats", cell="gauge", steps=ROUTING_STEPS, high=ROUTING_NATS, decimals=1
                    ),
                    "requests": Column(title="Requests", width=85),
                    "seen": Column(title="Last scored", unit="dateTimeFromNow", width=120),
                    "path": Column(hidden=True),
                },
                empty="No entity is near the threshold.",
            ),
            14,
            10,
        ),
    ],
)


_NEW_ROUTERS: Final = f"""
SELECT {hashed("router_id")} AS router, entity_id AS router_id, min(time) AS first_seen, max(extraction) AS extraction,
    max(routing) AS routing
FROM hydrometer.scores WHERE entity_kind = 'router' GROUP BY router_id HAVING $__timeFilter(first_seen) ORDER BY first_seen DESC LIMIT 50
"""


def _by_cohort(value: str) -> str:
    return f"""
    SELECT bucket, found AS Value,
    multiIf({_COHORT} = 'age', {list(AGE_BANDS)}[band + 1], word = '', 'unknown', toString(word)) AS cohort
    FROM (SELECT $__timeInterval(time) AS bucket, if({_COHORT} = 'age', {AGE}, 0) AS band,
        multiIf({_COHORT} = 'model', request_model, {_COHORT} = 'network', as_type,
            {_COHORT} = 'client', sdk_language, toLowCardinality('')) AS word, {per_minute(value)} AS found
        FROM hydrometer.requests WHERE $__timeFilter(time) GROUP BY bucket, band, word)
    ORDER BY bucket, band, cohort
    """


LEAK = Row(
    "Leak and traffic",
    [
        Tile(
            Trend(
                title="Leak estimate over time",
                question="How many output tokens do the members of open cases receive, and since when?",
                sql=f"""
                SELECT bucket, sum(tokens) OVER (ORDER BY bucket) AS "output tokens"
                FROM (SELECT $__timeInterval(time) AS bucket, sum(ifNull(output_tokens, 0)) AS tokens FROM hydrometer.requests
                WHERE $__timeFilter(time) AND account_id IN ({LEAKED_ACCOUNTS}) GROUP BY bucket) ORDER BY bucket
                """,
                fill=25,
                color=EXTRACTION,
                low=0,
                legend="none",
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Requests by cohort, a minute",
                question="Whose traffic is growing? Choose the cohort above: account age, model, network, client.",
                sql=_by_cohort("count()"),
                unit="reqpm",
                stacked=True,
                fill=45,
                low=0,
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Output tokens by cohort, a minute",
                question=(
                    "Which cohort receives the most output tokens? If its tokens grow faster than its requests, its answers get longer."
                ),
                sql=_by_cohort("sum(ifNull(output_tokens, 0))"),
                stacked=True,
                fill=45,
                low=0,
            ),
            8,
            8,
        ),
        Tile(
            Listing(
                title="New routers and their accounts",
                question="Which router fingerprints were first seen in this time range, and how many accounts use them?",
                sql=f"""
                SELECT router_id, first_seen, accounts, requests, extraction, routing, software FROM ({_NEW_ROUTERS}) AS new
                LEFT JOIN (
                    SELECT router, uniq(account_id) AS accounts, count() AS requests, anyHeavy(user_agent) AS software
                    FROM hydrometer.requests WHERE $__timeFilter(time) AND router IN (SELECT router FROM ({_NEW_ROUTERS}))
                    GROUP BY router) AS seen USING router
                ORDER BY first_seen DESC
                """,
                columns={
                    "router_id": Column(title="Router", link=links.to_group("router", "router_id"), width=180),
                    "first_seen": Column(title="First seen", unit="dateTimeFromNow", width=120),
                    "accounts": Column(title="Accounts", width=85),
                    "requests": Column(title="Requests", width=85),
                    "extraction": Column(
                        title="Extraction", unit="suffix: nats", cell="color-text", steps=EXTRACTION_STEPS, decimals=1, width=100
                    ),
                    "routing": Column(title="Routing", unit="suffix: nats", cell="color-text", steps=ROUTING_STEPS, decimals=1, width=100),
                    "software": Column(title="Most frequent user agent"),
                },
                empty="No new router.",
            ),
            14,
            8,
        ),
        Tile(
            Trend(
                title="Alerts opened and updated",
                question="How many alerts were opened, updated and resolved?",
                sql="""
                SELECT $__timeInterval(time) AS bucket, concat(behaviour, ' ', toString(state)) AS step, count() AS Value
                FROM hydrometer.alerts FINAL WHERE $__timeFilter(time) GROUP BY bucket, step ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                decimals=0,
                columns={
                    "extraction open": Column(color=EXTRACTION),
                    "extraction update": Column(color="#FFA6B0"),
                    "routing open": Column(color=ROUTING),
                    "routing update": Column(color="#DEB6F2"),
                },
            ),
            10,
            8,
        ),
    ],
)

board = Board(
    uid=links.uid_of(__name__),
    title="SOC overview",
    order=1,
    question="Which cases are open, which entities are near the threshold, and how many tokens have been extracted?",
    since="now-2d",
    choices=[
        Choice(
            name="cohort",
            label="Cohort",
            description="How requests and tokens are split",
            fixed=[("account age", "age"), ("model", "model"), ("network", "network"), ("client", "client")],
        )
    ],
    rows=[NOW, EVIDENCE, LEAK],
)
