"""Router: one group of accounts, by what they share: a router fingerprint, a card, a prompt template, a behaviour."""

from __future__ import annotations

from typing import Final

from dashboards import links
from dashboards.board import Board, Choice, Row, Tile
from dashboards.palette import ALERT_NATS, CALM, EXTRACTION_STEPS, ROUTING, ROUTING_NATS, ROUTING_STEPS
from dashboards.parts import REQUEST_COLUMNS, evidence_trends, feature_rows, requests_of
from dashboards.query import variable
from dashboards.views import MINUTE_UNIT, Bars, Column, Listing, Stat, Trend
from streams.clickhouse.hash_text import as_hex, hashed

_KIND: Final = variable("kind")
_GROUP: Final = variable("group")
_ID: Final = hashed(_GROUP)
_OF_GROUP: Final = f"""(
    ({_KIND} = 'router' AND router = {_ID}) OR ({_KIND} = 'payment' AND payment = {_ID})
    OR ({_KIND} = 'template' AND (template = {_ID} OR system_template = {_ID} OR has(shingles, {_ID})))
)"""
_REQUESTS: Final = f"FROM hydrometer.requests WHERE $__timeFilter(time) AND {_OF_GROUP}"
_BUSIEST: Final = f"SELECT account_id {_REQUESTS} GROUP BY account_id ORDER BY count() DESC, account_id LIMIT 500"
"""Found first: what is then asked about each account would take twice as long for all of a large router."""
_SCORES: Final = f"FROM hydrometer.scores WHERE $__timeFilter(time) AND entity_kind = {_KIND} AND entity_id = {_GROUP}"

NOW = Row(
    "Now",
    [
        Tile(
            Stat(
                title="Evidence",
                question="How strong is the evidence of the group as a whole?",
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
                title="Accounts and organisations",
                question=(
                    "How many accounts use it, and how many organisations and cards pay for them? An enterprise gateway "
                    "has one organisation and one card."
                ),
                sql=f"""
                SELECT uniq(account_id) AS "accounts", uniqIf(organization_id, organization_id != '') AS "organisations",
                uniqIf(payment, payment != 0) AS "cards" {_REQUESTS}
                """,
                color=CALM,
            ),
            8,
            4,
        ),
        Tile(
            Stat(
                title="Requests and output tokens",
                question="How many requests and output tokens pass through it in this time range?",
                sql=f'SELECT count() AS "requests", sum(ifNull(output_tokens, 0)) AS "output tokens" {_REQUESTS}',
                color=CALM,
                decimals=1,
            ),
            6,
            4,
        ),
        Tile(
            Stat(
                title="First seen",
                question="Is it new? Campaigns that change their tools appear on new routers.",
                sql=f"""
                SELECT toUnixTimestamp(min(time)) * 1000 AS first FROM hydrometer.scores
                WHERE entity_kind = {_KIND} AND entity_id = {_GROUP} HAVING count() > 0
                """,
                unit="dateTimeFromNow",
                color=CALM,
                empty="never scored",
            ),
            4,
            4,
        ),
    ],
)

EVIDENCE = Row(
    "Evidence",
    [
        *evidence_trends(
            _SCORES,
            over_time=f"""
                SELECT $__timeInterval(time) AS bucket, max(extraction) AS "extraction", max(routing) AS "routing"
                {_SCORES} GROUP BY bucket ORDER BY bucket
                """,
            question="Since when does it stand out? The dashed lines are the thresholds at which extraction alerts open.",
        ),
        Tile(
            Bars(
                title="Load of each account",
                question="Do a few accounts send most requests, as among people, or are requests dealt out evenly, as by a dispatcher?",
                sql=f"""
                SELECT concat(toString(place), '.') AS account, requests FROM (
                    SELECT row_number() OVER (ORDER BY count() DESC) AS place, count() AS requests {_REQUESTS} GROUP BY account_id)
                WHERE place <= 60 ORDER BY place
                """,
                horizontal=False,
                legend=False,
                color=CALM,
                decimals=0,
            ),
            8,
            8,
        ),
        Tile(
            Trend(
                title="Active accounts",
                question="Do accounts start and stop together? A replacement account starts when another one stops.",
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, uniq(account_id) AS "accounts", count() AS "requests" {_REQUESTS} GROUP BY
                    bucket ORDER BY bucket
                """,
                low=0,
                columns={"accounts": Column(color=CALM), "requests": Column(color="#8E8E8E", right=True)},
            ),
            12,
            8,
        ),
        Tile(
            Bars(  # not a trend: Grafana draws no point outside of the time range
                title="When its accounts were created",
                question="Were they created in one batch? Accounts by day of creation: the newest 60 days with any.",
                sql=f"""
                SELECT toString(day) AS created, accounts FROM (
                    SELECT toDate(account_created) AS day, uniq(account_id) AS accounts {_REQUESTS} AND account_created IS NOT NULL
                    GROUP BY day ORDER BY day DESC LIMIT 60)
                ORDER BY day
                """,
                horizontal=False,
                legend=False,
                color=ROUTING,
                decimals=0,
                empty="No request says when its account was created.",
            ),
            12,
            8,
        ),
    ],
)

MEMBERS = Row(
    "Who and what",
    [
        Tile(
            Listing(
                title="Accounts that use it",
                question="Which accounts use it, with which cards are they paid, and how many tokens do they receive?",
                sql=f"""
                SELECT account_id, toString(any(organization_id)) AS organization, {as_hex("any(payment)")} AS payment_id,
                count() AS requests, sum(ifNull(output_tokens, 0)) AS output_tokens, uniq(client_network) AS networks,
                min(account_created) AS created, max(time) AS last_request
                {_REQUESTS} AND account_id IN ({_BUSIEST}) GROUP BY account_id ORDER BY requests DESC, account_id
                """,
                columns={
                    "account_id": Column(title="Account", link=links.to_account(), width=165),
                    "organization": Column(title="Organisation"),
                    "payment_id": Column(title="Card", link=links.to_group("payment", "payment_id"), width=172),
                    "requests": Column(title="Requests", cell="gauge", steps=((None, CALM),), width=110),
                    "output_tokens": Column(title="Tokens out", width=95),
                    "networks": Column(title="Networks", width=85),
                    "created": Column(title="Created", unit=MINUTE_UNIT, width=135),
                    "last_request": Column(title="Last request", unit="dateTimeFromNow", width=120),
                },
            ),
            15,
            10,
        ),
        Tile(
            Listing(
                title="Software and networks",
                question=(
                    "Which software and networks do its requests show? Versions and addresses are listed here and are "
                    "not part of the id of a router."
                ),
                sql=f"""
                SELECT fact.1 AS what, fact.2 AS value, uniqMerge(who) AS accounts, sum(times) AS requests
                FROM (SELECT who, times, arrayJoin([('user agent', toString(user_agent)),
                    ('SDK', concat(toString(sdk_language), ' ', toString(sdk_version))), ('TLS client (JA4)', toString(tls_ja4)),
                    ('HTTP', toString(http_version)), ('headers', toString(header_names)), ('network', toString(as_type)),
                    ('country', toString(country)), ('model', toString(request_model))]) AS fact
                    FROM (SELECT user_agent, sdk_language, sdk_version, tls_ja4, http_version, header_names, as_type, country,
                        request_model, uniqState(account_id) AS who, count() AS times {_REQUESTS} GROUP BY ALL))
                WHERE trim(value) != '' GROUP BY what, value ORDER BY what, requests DESC LIMIT 8 BY what
                """,
                columns={
                    "what": Column(title="What", width=125),
                    "value": Column(title="Value"),
                    "accounts": Column(title="Accounts", width=85),
                    "requests": Column(title="Requests", width=85),
                },
            ),
            9,
            10,
        ),
        Tile(
            Listing(
                title="Cases and alerts about it",
                question="Which alerts were opened about this group?",
                sql=f"""
                SELECT case_id, toString(state) AS state, behaviour, evidence, false_alerts_per_day, time, summary FROM
                    hydrometer.alerts FINAL
                WHERE entity_kind = {_KIND} AND entity_id = {_GROUP} ORDER BY time DESC LIMIT 50
                """,
                columns={
                    "case_id": Column(title="Case", link=links.to_case(), width=180),
                    "state": Column(title="State", width=80),
                    "behaviour": Column(title="Behaviour", width=95),
                    "evidence": Column(
                        title="Evidence", unit="suffix: nats", cell="color-text", steps=EXTRACTION_STEPS, decimals=1, width=95
                    ),
                    "false_alerts_per_day": Column(title="Expected false a day", unit="sci", decimals=1, width=165),
                    "time": Column(title="When", unit="dateTimeFromNow", width=120),
                    "summary": Column(title="Summary", wrap=True),
                },
                empty="No alert about it.",
            ),
            24,
            7,
        ),
        Tile(
            Listing(
                title="Latest requests",
                question="What passes through it, request by request?",
                sql=requests_of(_OF_GROUP),
                columns=REQUEST_COLUMNS,
                empty="No request in this time range. (Requests have no column for a behaviour profile.)",
            ),
            24,
            10,
        ),
    ],
)

board = Board(
    uid=links.uid_of(__name__),
    title="Router",
    order=4,
    question="Which accounts share this router, card, template or behaviour profile, and does one operator run them?",
    since="now-2d",
    choices=[
        Choice(
            name="kind",
            label="Kind",
            description="What the accounts share",
            fixed=[
                ("router fingerprint", "router"),
                ("card", "payment"),
                ("prompt template", "template"),
                ("behaviour profile", "behaviour"),
            ],
        ),
        Choice(
            name="group",
            label="Group",
            description="The 500 with the most evidence; a link may bring any other",
            sql=f"""
            SELECT entity_id, concat(entity_id, ' (', toString(round(extraction, 1)), ' of {ALERT_NATS:g} and ',
                toString(round(routing, 1)), ' of {ROUTING_NATS:g} nats)') AS text
            FROM (SELECT entity_id, max(extraction) AS extraction, max(routing) AS routing FROM hydrometer.scores
                WHERE $__timeFilter(time) AND entity_kind = {_KIND} GROUP BY entity_id)
            ORDER BY greatest(extraction / {ALERT_NATS:g}, routing / {ROUTING_NATS:g}) DESC, entity_id LIMIT 500
            """,
        ),
    ],
    rows=[NOW, EVIDENCE, MEMBERS, *feature_rows("group")],
)
