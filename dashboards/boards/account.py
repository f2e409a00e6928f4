"""Account: what one account does, against its own past and against all accounts."""

from __future__ import annotations

from typing import Final

from dashboards import links
from dashboards.board import Board, Choice, Row, Tile
from dashboards.palette import ALERT_NATS, CALM, EXTRACTION, EXTRACTION_STEPS, ROUTING, ROUTING_STEPS, WARN
from dashboards.parts import REQUEST_COLUMNS, evidence_trends, feature_rows, requests_of
from dashboards.query import variable
from dashboards.sql import per_minute
from dashboards.views import Column, Heat, Listing, Stat, Trend
from streams.clickhouse.hash_text import as_hex

_ACCOUNT: Final = variable("account")
_OF_ACCOUNT: Final = f"account_id = {_ACCOUNT}"
_REQUESTS: Final = f"FROM hydrometer.requests WHERE $__timeFilter(time) AND {_OF_ACCOUNT}"
_SCORES: Final = f"FROM hydrometer.scores WHERE $__timeFilter(time) AND entity_kind = 'account' AND entity_id = {_ACCOUNT}"
_CASES: Final = f"""FROM hydrometer.cases FINAL WHERE case_id IN (
    SELECT case_id FROM hydrometer.case_lists WHERE part = 'members' AND name = {_ACCOUNT})"""

NOW = Row(
    "Now",
    [
        Tile(
            Stat(
                title="Evidence of the account alone",
                question=(
                    "How strong is the evidence without its groups? An account that sends few requests has little "
                    "evidence alone and much with its group."
                ),
                sql=f'SELECT argMax(extraction, time) AS "extraction", argMax(routing, time) AS "routing" {_SCORES}',
                unit="suffix: nats",
                steps=EXTRACTION_STEPS,
                decimals=1,
                columns={"routing": Column(steps=ROUTING_STEPS)},
            ),
            6,
            4,
        ),
        Tile(
            Stat(
                title="Open cases",
                question="Is the account a member of a case?",
                sql=f"SELECT count() AS cases {_CASES} AND state = 'open'",
                steps=((None, CALM), (1, EXTRACTION)),
            ),
            3,
            4,
        ),
        Tile(
            Stat(
                title="Requests",
                question="How many requests did it send in this time range?",
                sql=f"SELECT count() AS requests {_REQUESTS}",
                color=CALM,
            ),
            3,
            4,
        ),
        Tile(
            Stat(
                title="Output tokens",
                question="How many output tokens did it receive in this time range?",
                sql=f"SELECT sum(ifNull(output_tokens, 0)) AS tokens {_REQUESTS}",
                color=CALM,
                decimals=1,
            ),
            3,
            4,
        ),
        Tile(
            Stat(
                title="Age",
                question="How old is the account? Campaigns buy or create their accounts shortly before they start.",
                sql=f"SELECT dateDiff('second', min(account_created), max(time)) AS age {_REQUESTS}",
                unit="s",
                color=CALM,
                decimals=0,
                empty="unknown",
            ),
            3,
            4,
        ),
        Tile(
            Stat(
                title="Networks, routers, end users",
                question="Does one person use the account, or many?",
                sql=f"""
                SELECT uniqIf(client_network, client_network != 0) AS "networks", uniqIf(router, router != 0) AS "routers",
                uniqIf(end_user, end_user != 0) AS "end users" {_REQUESTS}
                """,
                color=CALM,
            ),
            6,
            4,
        ),
    ],
)

EVIDENCE = Row(
    "Evidence",
    [
        *evidence_trends(
            _SCORES,
            over_time=f'SELECT time AS bucket, extraction AS "extraction", routing AS "routing" {_SCORES} ORDER BY bucket',
            question="Since when does it stand out, and was it sudden? The dashed lines are the thresholds at which alerts open.",
        ),
        Tile(
            Listing(
                title="Compared with other accounts",
                question="Which of its features are unusual? Its latest value beside the quantiles over one account in eight.",
                sql=f"""
                SELECT feature, round(mine, 3) AS value, round(nats, 1) AS evidence, if(population.feature = '', NULL, round(low, 3)) AS
                    p10, if(population.feature = '', NULL, round(middle, 3)) AS median,
                if(population.feature = '', NULL, round(high, 3)) AS p90
                FROM (SELECT own.1 AS feature, own.2 AS mine, nats_of[own.1] AS nats
                    FROM (SELECT argMax(features, time) AS features_of, argMax(nats, time) AS nats_of {_SCORES})
                    ARRAY JOIN CAST(features_of, 'Array(Tuple(String, Float32))') AS own) AS account
                LEFT JOIN (SELECT toString(name) AS feature, spread[1] AS low, spread[2] AS middle, spread[3] AS high FROM (
                    SELECT name, quantiles(0.1, 0.5, 0.9)(seen) AS spread
                    FROM hydrometer.scores ARRAY JOIN features.keys AS name, features.values AS seen
                    WHERE $__timeFilter(time) AND entity_kind = 'account' AND cityHash64(entity_id) % 8 = 0 GROUP BY name)) AS population
                USING feature
                ORDER BY evidence DESC LIMIT 40
                """,
                columns={
                    "feature": Column(title="Feature", width=160),
                    "value": Column(title="Its value", width=80),
                    "evidence": Column(
                        title="Evidence",
                        unit="suffix: nats",
                        cell="color-text",
                        steps=((None, "text"), (1, WARN), (3, EXTRACTION)),
                        decimals=1,
                        width=85,
                    ),
                    "p10": Column(title="p10", width=70),
                    "median": Column(title="Median", width=70),
                    "p90": Column(title="p90", width=70),
                },
                empty="It has no score in this time range.",
            ),
            8,
            8,
        ),
        Tile(
            Listing(
                title="Cases and alerts",
                question="Which cases contain it, alone or through a group?",
                sql=f"""
                SELECT case_id, toString(state) AS state, behaviour, accounts, extraction, opened_at, title {_CASES} ORDER BY state,
                    extraction DESC LIMIT 50
                """,
                columns={
                    "case_id": Column(title="Case", link=links.to_case(), width=180),
                    "state": Column(title="State", width=80),
                    "behaviour": Column(title="Behaviour", width=95),
                    "accounts": Column(title="Accounts", width=85),
                    "extraction": Column(
                        title="Extraction", unit="suffix: nats", cell="gauge", steps=EXTRACTION_STEPS, high=40, decimals=1, width=150
                    ),
                    "opened_at": Column(title="Opened", unit="dateTimeFromNow", width=115),
                    "title": Column(title="Why", wrap=True),
                },
                empty="This account is in no case.",
            ),
            16,
            7,
        ),
        Tile(
            Trend(
                title="Shadow detectors",
                question="How do the River models score it? They run in shadow: alerts do not depend on them.",
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, toString(detector) AS model, max(score) AS Value FROM hydrometer.shadow_scores
                WHERE $__timeFilter(time) AND entity_kind = 'account' AND entity_id = {_ACCOUNT} GROUP BY bucket, detector
                    ORDER BY bucket
                """,
                unit="suffix: nats",
                style="points",
                decimals=2,
                empty="The shadow detectors have too few observations of it.",
            ),
            8,
            7,
        ),
    ],
)

TRAFFIC = Row(
    "Traffic",
    [
        Tile(
            Trend(
                title="Requests a minute, by model",
                question="When does it send requests, and to which models?",
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, if(request_model = '', 'unknown', toString(request_model)) AS model,
                    {per_minute("count()")} AS Value
                {_REQUESTS} GROUP BY bucket, model ORDER BY bucket
                """,
                unit="reqpm",
                style="bars",
                stacked=True,
            ),
            6,
            8,
        ),
        Tile(
            Trend(
                title="Tokens a request",
                question="Does it send short questions for long answers (a harvest), or long inputs for short ones (grading)?",
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, avg(input_tokens) AS "input", avg(output_tokens) AS "output",
                    avg(reasoning_tokens) AS "reasoning"
                {_REQUESTS} GROUP BY bucket ORDER BY bucket
                """,
                low=0,
                columns={"input": Column(color=CALM), "output": Column(color=EXTRACTION), "reasoning": Column(color=ROUTING)},
            ),
            6,
            8,
        ),
        Tile(
            Trend(
                title="Topics and repetitions",
                question=(
                    "Are its prompts about many topics and rarely repeated (a harvest), or about one and often repeated "
                    "(a job, a test)? Shares of prompts."
                ),
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, uniq(topic) / nullIf(count(topic), 0) AS "topics",
                    1 - uniqIf(simhash, simhash != 0) / nullIf(countIf(simhash != 0), 0) AS "near-duplicates"
                {_REQUESTS} GROUP BY bucket ORDER BY bucket
                """,
                unit="percentunit",
                low=0,
                columns={"topics": Column(color=EXTRACTION), "near-duplicates": Column(color=CALM)},
            ),
            6,
            8,
        ),
        Tile(
            Heat(
                title="Hours of the day",
                question="Does it pause at night, as people do? Columns are days, cells are the requests of an hour in UTC.",
                sql="SELECT toDateTime(toStartOfDay(time)) AS bucket, "
                + ", ".join(f'countIf(toHour(time) = {hour}) AS "{hour:02d}:00"' for hour in range(0, 24, 1))
                + f" {_REQUESTS} GROUP BY bucket ORDER BY bucket",
                scheme="Blues",
            ),
            6,
            8,
        ),
        Tile(
            Listing(
                title="Routers, software and networks",
                question="Which routers, software and networks does it use, and how many other accounts use the same router?",
                sql=f"""
                SELECT router_id, software, ja4, network_type, requests, others FROM (
                    SELECT router, {as_hex("router")} AS router_id, anyHeavy(toString(user_agent)) AS software,
                        anyHeavy(toString(tls_ja4)) AS ja4,
                    anyHeavy(toString(as_type)) AS network_type, count() AS requests {_REQUESTS} GROUP BY router) AS mine
                LEFT JOIN (SELECT router, uniq(account_id) - 1 AS others FROM hydrometer.requests
                    WHERE $__timeFilter(time) AND router IN (SELECT router {_REQUESTS}) GROUP BY router) AS population USING router
                ORDER BY requests DESC LIMIT 30
                """,
                columns={
                    "router_id": Column(title="Router", link=links.to_group("router", "router_id"), width=172),
                    "software": Column(title="User agent"),
                    "ja4": Column(title="TLS client (JA4)", width=320),
                    "network_type": Column(title="Network", width=85),
                    "requests": Column(title="Requests", width=85),
                    "others": Column(title="Other accounts", width=120),
                },
            ),
            14,
            8,
        ),
        Tile(
            Listing(
                title="Accounts that share its card or templates",
                question="Which accounts share its card or prompt templates, and in how many requests? Campaigns spread one job.",
                sql=f"""
                SELECT account_id, countIf(payment != 0 AND payment IN (SELECT payment {_REQUESTS})) > 0 AS same_card,
                uniqIf(template, template IN (SELECT template {_REQUESTS} AND template != 0)) AS templates,
                    any(toString(organization_id)) AS organization,
                count() AS requests, sum(ifNull(output_tokens, 0)) AS output_tokens
                FROM hydrometer.requests WHERE $__timeFilter(time) AND account_id != {_ACCOUNT}
                AND ((payment != 0 AND payment IN (SELECT payment {_REQUESTS})) OR template IN (SELECT template {_REQUESTS} AND
                    template != 0))
                GROUP BY account_id ORDER BY same_card DESC, templates DESC, requests DESC LIMIT 100
                """,
                columns={
                    "account_id": Column(title="Account", link=links.to_account(), width=165),
                    "same_card": Column(title="Same card", unit="bool_yes_no", width=90),
                    "templates": Column(title="Templates", width=90),
                    "organization": Column(title="Organisation"),
                    "requests": Column(title="Requests", width=85),
                    "output_tokens": Column(title="Tokens out", width=95),
                },
                empty="No other account shares its card or templates.",
            ),
            10,
            8,
        ),
        Tile(
            Listing(
                title="Latest requests",
                question="What does it send, request by request? Prompts are not stored: templates are keyed hashes.",
                sql=requests_of(_OF_ACCOUNT),
                columns=REQUEST_COLUMNS,
                empty="No request in this time range.",
            ),
            24,
            10,
        ),
    ],
)

board = Board(
    uid=links.uid_of(__name__),
    title="Account",
    order=3,
    question="What does this account do, since when, and with whom?",
    since="now-2d",
    choices=[
        Choice(
            name="account",
            label="Account",
            description="The 500 with the most evidence; a link may bring any other",
            sql=f"""
            SELECT entity_id, concat(entity_id, ' (', toString(round(strongest, 1)), ' of {ALERT_NATS:g} nats)') AS text
            FROM (SELECT entity_id, max(extraction) AS strongest FROM hydrometer.scores WHERE $__timeFilter(time) AND entity_kind =
                'account' GROUP BY entity_id)
            ORDER BY strongest DESC, entity_id LIMIT 500
            """,
        )
    ],
    rows=[NOW, EVIDENCE, TRAFFIC, *feature_rows("account")],
)
