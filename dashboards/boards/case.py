"""Case: everything that an analyst needs to decide about one case, with the way back to each request."""

from __future__ import annotations

from typing import Final

from dashboards import links
from dashboards.board import Board, Choice, Row, Tile
from dashboards.palette import CALM, EXTRACTION, EXTRACTION_STEPS, ROUTING_STEPS, WARN
from dashboards.parts import REQUEST_COLUMNS, requests_of
from dashboards.query import variable
from dashboards.sql import COUNTED, DECISIONS, HYPOTHESIS, PART_COLUMNS, TIER, parts
from dashboards.views import MINUTE_UNIT, Bars, Column, Listing, Stat, States, Trend
from streams.clickhouse.hash_text import as_hex, hashed

_CASE_ID: Final = variable("case")
_CASE: Final = f"FROM hydrometer.cases FINAL WHERE case_id = {_CASE_ID}"
_LISTED: Final = f"FROM hydrometer.case_lists WHERE case_id = {_CASE_ID}"
_MEMBERS: Final = f"SELECT name {_LISTED} AND part = 'members'"
_CHANNELS: Final = f"""
SELECT {hashed("substring(name, 16)")} {_LISTED} AND part = 'links' AND startsWith(name, 'routing:router:')
"""
_SUSPECT: Final = f"(account_id IN ({_MEMBERS}) OR router IN ({_CHANNELS}))"
"""Requests of a case: of its members, and in a routing case of all accounts behind the router."""


def _stat(title: str, question: str, value: str, **more: object) -> Stat:
    return Stat(title=title, question=question, sql=f"SELECT {value} {_CASE}", **more)  # type: ignore[arg-type]


FILE = Row(
    "Case file",
    [
        Tile(_stat("State", "Is the case open, and does it still need a decision?", "toString(state) AS state", text=True), 3, 4),
        Tile(_stat("Behaviour", "Is the question about copying the model, or about reselling it?", "behaviour", text=True), 3, 4),
        Tile(
            _stat(
                "Extraction",
                "How strong is the evidence, relative to the threshold at which alerts open?",
                "extraction",
                unit="suffix: nats",
                steps=EXTRACTION_STEPS,
                decimals=1,
            ),
            3,
            4,
        ),
        Tile(
            _stat(
                "Routing",
                "How strong is the evidence of a relay or reseller?",
                "routing",
                unit="suffix: nats",
                steps=ROUTING_STEPS,
                decimals=1,
            ),
            3,
            4,
        ),
        Tile(_stat("Accounts", "How many accounts would a decision touch?", "accounts", color=CALM), 3, 4),
        Tile(_stat("Requests", "How many requests have its members sent?", "requests", color=CALM), 3, 4),
        Tile(
            _stat(
                "Output tokens",
                "How much may have leaked? An upper bound: all that they asked for.",
                "output_tokens",
                color=EXTRACTION,
                decimals=1,
            ),
            3,
            4,
        ),
        Tile(
            _stat(
                "Open for",
                "How long has this gone on since the first alert?",
                "dateDiff('second', opened_at, updated_at) AS seconds",
                unit="s",
                color=CALM,
            ),
            3,
            4,
        ),
        Tile(
            Listing(
                title="Case file",
                question="What happened, what argues against it, what would a wrong decision cost, and what is the next step?",
                sql=f"""
                SELECT line.1 AS what, line.2 AS says FROM (SELECT arrayJoin([
                    ('Why', title),
                    ('How urgent', concat(JSONExtractString(payload, 'score', 'severity'), '. ',
                        JSONExtractString(payload, 'score', 'chance'))),
                    ('Rule', arrayStringConcat(arrayMap(held -> concat(JSONExtractString(held, 'name'), ' (',
                        toString(JSONExtractUInt(held, 'accounts') AS of), if(of = 1, ' account): ', ' accounts): '),
                        JSONExtractString(held, 'requires')), JSONExtractArrayRaw(payload, 'rules')), '; ')),
                    ('If wrong', JSONExtractString(payload, 'if_wrong')),
                    ('Next step', JSONExtractString(payload, 'next_step')),
                    ('Decision', if(JSONExtractString(payload, 'label', 'verdict') = '', 'none yet: hydrometer label case ' || case_id
                        || ' ...',
                        concat(JSONExtractString(payload, 'label', 'verdict'), ', said ', JSONExtractString(payload, 'label',
                            'author'), ': ',
                               JSONExtractString(payload, 'label', 'note')))),
                    ('Tier', if({TIER} = 'ask', 'a question to the account holder: honest use may explain it; no alert was sent',
                        'alert')),
                    ('Permitted', if(muted, 'a permitted party: scored, but muted', 'no')),
                    ('Terms', arrayStringConcat(arrayMap(clause -> JSONExtractString(clause, 'text'), JSONExtractArrayRaw(payload,
                        'terms')), ' ')),
                    ('MITRE ATLAS', arrayStringConcat(JSONExtract(payload, 'atlas', 'Array(String)'), ', '))]) AS line {_CASE})
                """,
                header=False,
                columns={"what": Column(title=" ", width=110), "says": Column(title="  ", wrap=True)},
            ),
            12,
            10,
        ),
        Tile(
            Listing(
                title="Does a benign hypothesis explain it?",
                question="Which benign hypotheses were tested, and why do they not fit? If one fits, do not act.",
                sql=f"""
                SELECT {HYPOTHESIS} AS hypothesis,
                multiIf(JSONExtractBool(considered, 'fits'), 'fits',
                    JSONType(considered, 'fits') = 'Null', 'cannot be told', 'does not fit') AS fits,
                JSONExtractString(considered, 'because') AS because
                FROM (SELECT arrayJoin(JSONExtractArrayRaw(payload, 'counter_evidence')) AS considered {_CASE})
                ORDER BY indexOf(['does not fit', 'cannot be told', 'fits'], fits) DESC
                """,
                columns={
                    "hypothesis": Column(title="Hypothesis", width=200, wrap=True),
                    "fits": Column(title="Fits?", width=115),
                    "because": Column(title="Because", wrap=True),
                },
            ),
            12,
            10,
        ),
    ],
)

EVIDENCE = Row(
    "Evidence",
    [
        Tile(
            Bars(
                title="Score of each linked entity, by what counts",
                question="What adds how much to each score, what takes from it, and do several entities agree?",
                sql=f"""
                SELECT entity, {parts("found")}, path FROM (
                    SELECT concat(entity_kind, ' ', entity_id) AS entity, any({links.path_of("entity_kind", "entity_id")}) AS path,
                    argMax({COUNTED}, time) AS found,
                    max(evidence) AS strongest
                    FROM hydrometer.alerts WHERE case_id = {_CASE_ID} GROUP BY entity)
                ORDER BY strongest DESC LIMIT 15
                """,
                unit="suffix: nats",
                decimals=1,
                stacked=True,
                columns=PART_COLUMNS,
                link=links.to_path("Open it", "path"),
            ),
            12,
            9,
        ),
        Tile(
            Listing(
                title="Features with the most evidence",
                question="Which features make up the evidence, before the maximum of each family, and what is usual for other accounts?",
                sql=f"""
                SELECT JSONExtractString(found, 'feature') AS feature, JSONExtractFloat(found, 'nats') AS nats, JSONExtractFloat(found,
                    'value') AS value,
                if(JSONExtractRaw(found, 'usual') IN ('', 'null'), '', arrayStringConcat(arrayMap(edge -> toString(round(edge, 2)),
                    JSONExtract(found, 'usual', 'Array(Float64)')), ' to ')) AS usual,
                JSONExtractString(found, 'sentence') AS sentence
                FROM (SELECT arrayJoin(JSONExtractArrayRaw(payload, 'features')) AS found {_CASE}) ORDER BY nats DESC
                """,
                columns={
                    "feature": Column(title="Feature", width=150),
                    "nats": Column(
                        title="Evidence", unit="suffix: nats", cell="gauge", steps=((None, CALM),), high=10, decimals=1, width=160
                    ),
                    "value": Column(title="Value", decimals=2, width=75),
                    "usual": Column(title="Usual", width=105),
                    "sentence": Column(title="In words", wrap=True),
                },
            ),
            12,
            9,
        ),
        Tile(
            Trend(
                title="Timeline of joins",
                question="When did the members join the case: one by one, or all at once after a change?",
                sql=f"""
                SELECT bucket, joined AS "joined", sum(joined) OVER (ORDER BY bucket) AS "members"
                FROM (SELECT $__timeInterval(moment) AS bucket, count() AS joined FROM (
                    SELECT fromUnixTimestamp64Milli(toInt64(1000 * JSONExtractFloat(value, 'joined_at'))) AS moment
                    {_LISTED} AND part = 'members')
                WHERE $__timeFilter(moment) GROUP BY bucket) ORDER BY bucket
                """,
                style="bars",
                decimals=0,
                low=0,
                columns={"joined": Column(color=CALM), "members": Column(color=EXTRACTION, line=True, right=True)},
                empty="No account joined in this time range.",
            ),
            12,
            8,
        ),
        Tile(
            States(
                title="Evidence of each linked entity",
                question="Of the 15 strongest, which alerted first, and which followed? The colour is evidence relative to the threshold.",
                sql=f"""
                SELECT time AS bucket, concat(entity_kind, ' ', entity_id) AS entity, any({links.path_of("entity_kind", "entity_id")}) AS
                    path, round(max(evidence)) AS Value
                FROM hydrometer.alerts FINAL WHERE case_id = {_CASE_ID} AND $__timeFilter(time) AND (entity_kind, entity_id) IN (
                    SELECT entity_kind, entity_id FROM hydrometer.alerts WHERE case_id = {_CASE_ID} AND $__timeFilter(time)
                    GROUP BY entity_kind, entity_id ORDER BY max(evidence) DESC, entity_kind != 'account' DESC, entity_id LIMIT 15)
                GROUP BY bucket, entity ORDER BY bucket
                """,
                unit="suffix: nats",
                decimals=0,
                steps=EXTRACTION_STEPS,
                name="${__field.labels.entity}",
                link=links.to_path_of("Open it", "path"),
                empty="No alert in this time range.",
            ),
            12,
            8,
        ),
        Tile(
            Trend(
                title="Growth of the case",
                question="Is it still growing? From the case's own history, version by version.",
                sql=f"""
                SELECT fromUnixTimestamp64Milli(toInt64(1000 * JSONExtractFloat(value, 'updated_at'))) AS bucket,
                max(JSONExtractFloat(value, 'accounts')) AS "accounts", max(JSONExtractFloat(value, 'requests')) AS "requests"
                {_LISTED} AND part = 'history' GROUP BY bucket ORDER BY bucket
                """,
                style="steps",
                low=0,
                fill=10,
                columns={"accounts": Column(color=CALM), "requests": Column(color=WARN, right=True)},
            ),
            12,
            8,
        ),
        Tile(
            Trend(
                title="Requests of the members, by what they share",
                question="Do the requests move from one shared router to another, as in a campaign that changed its tools?",
                sql=f"""
                SELECT $__timeInterval(time) AS bucket, if(router = 0, 'unknown', {as_hex("router")}) AS shared, count() AS Value
                FROM hydrometer.requests WHERE $__timeFilter(time) AND {_SUSPECT} GROUP BY bucket, shared ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                low=0,
                link=links.to_group_of("router", "shared"),
            ),
            12,
            8,
        ),
    ],
)

MEMBERS = Row(
    "Who",
    [
        Tile(
            Listing(
                title="Decisions to enforce",
                question="What did people decide to do about these accounts, who approved it, and until when do gateways obey it?",
                sql=f"""
                SELECT step, replaceAll(measure, '_', ' ') AS measure, toString(state) AS state, JSONLength(payload, 'members') AS accounts,
                    author, approver, expires, reason
                FROM ({DECISIONS}) WHERE case_id = {_CASE_ID} ORDER BY expires DESC
                """,
                columns={
                    "step": Column(title="Step", width=70),
                    "measure": Column(title="Measure", width=130),
                    "state": Column(title="State", width=100),
                    "accounts": Column(title="Accounts", width=90),
                    "author": Column(title="Proposed by", width=130),
                    "approver": Column(title="Approved or undone by", width=170),
                    "expires": Column(title="Expires", unit=MINUTE_UNIT, width=140),
                    "reason": Column(title="Reason", wrap=True),
                },
                empty="Nothing is enforced: no score enforces anything.",
            ),
            24,
            6,
        ),
        Tile(
            Listing(
                title="Chain of evidence",
                question="What was harvested, which canaries were served, when was the model released, and what did the tests find?",
                sql=f"""
                SELECT began, what, sentence, author, sha256 FROM (
                    SELECT fromUnixTimestamp64Milli(toInt64(1000 * JSONExtractFloat(value, 'began'))) AS began,
                    JSONExtractString(value, 'kind') AS what, note AS sentence, author, JSONExtractString(value, 'sha256') AS sha256
                    FROM hydrometer.actions FINAL WHERE kind = 'exhibit' AND case_id = {_CASE_ID}
                    UNION ALL SELECT time, 'export', concat('The case was exported', if(note = '', '', concat(' for ', note)), '.'), author,
                        value
                    FROM hydrometer.actions FINAL WHERE kind = 'export' AND case_id = {_CASE_ID}
                    UNION ALL SELECT opened_at, 'alert', concat('The case opened: ', title), '', '' {_CASE}
                    UNION ALL SELECT least(opened_at, (SELECT fromUnixTimestamp64Milli(toInt64(1000 * ifNull(min(
                        if(JSONExtractFloat(value, 'first') > 0, JSONExtractFloat(value, 'first'), JSONExtractFloat(value, 'joined_at'))),
                        4e9))) {_LISTED} AND part = 'members')),
                    'harvest', concat(toString(accounts), ' accounts were served ', formatReadableQuantity(output_tokens),
                        ' output tokens until ', formatDateTime(updated_at, '%Y-%m-%d %H:%i'), '.'), '', '' {_CASE})
                ORDER BY began
                """,
                columns={
                    "began": Column(title="When", unit=MINUTE_UNIT, width=140),
                    "what": Column(title="What", width=120),
                    "sentence": Column(title="  ", wrap=True),
                    "author": Column(title="Recorded by", width=130),
                    "sha256": Column(title="SHA-256 of the file", width=200),
                },
                empty="The case does not exist.",
            ),
            24,
            8,
        ),
        Tile(
            Listing(
                title="Links",
                question="What ties these accounts together, and since when? Each link can be followed and undone.",
                sql=f"""
                SELECT substring(entity, 1, position(entity, ':') - 1) AS kind, substring(entity, position(entity, ':') + 1) AS id,
                    since, why,
                {links.path_of("kind", "id")} AS path
                FROM (SELECT substring(name, position(name, ':') + 1) AS entity,
                    fromUnixTimestamp64Milli(toInt64(1000 * JSONExtractFloat(value, 'since'))) AS since, JSONExtractString(value, 'why')
                        AS why {_LISTED} AND part = 'links')
                ORDER BY since
                """,
                columns={
                    "kind": Column(title="Kind", width=85),
                    "id": Column(title="Entity", link=links.to_path("Open it", "path"), width=175),
                    "since": Column(title="Since", unit=MINUTE_UNIT, width=140),
                    "why": Column(title="Links", wrap=True),
                    "path": Column(hidden=True),
                },
            ),
            24,
            7,
        ),
        Tile(
            Listing(
                title="Members",
                question="Which accounts are in the case, since when, and what do they share?",
                sql=f"""
                SELECT account_id, joined_at, extraction, requests, output_tokens, created, organization, payment_id, software FROM (
                    SELECT name AS account_id, fromUnixTimestamp64Milli(toInt64(1000 * JSONExtractFloat(value, 'joined_at'))) AS
                        joined_at,
                    JSONExtractFloat(value, 'extraction') AS extraction, JSONExtractFloat(value, 'requests') AS requests,
                    JSONExtractFloat(value, 'output_tokens') AS output_tokens
                    {_LISTED} AND part = 'members') AS members
                LEFT JOIN (
                    SELECT account_id, min(account_created) AS created, any(toString(organization_id)) AS organization,
                        {as_hex("any(payment)")} AS payment_id,
                    any(toString(user_agent)) AS software
                    FROM hydrometer.requests WHERE $__timeFilter(time) AND account_id IN ({_MEMBERS}) GROUP BY account_id) AS facts
                        USING account_id
                ORDER BY extraction DESC LIMIT 1000
                """,
                columns={
                    "account_id": Column(title="Account", link=links.to_account(), width=175),
                    "joined_at": Column(title="Joined", unit=MINUTE_UNIT, width=140),
                    "extraction": Column(
                        title="Extraction", unit="suffix: nats", cell="gauge", steps=EXTRACTION_STEPS, high=40, decimals=1, width=170
                    ),
                    "requests": Column(title="Requests", width=90),
                    "output_tokens": Column(title="Output tokens", width=120),
                    "created": Column(title="Created", unit=MINUTE_UNIT, width=140),
                    "organization": Column(title="Organisation", width=160),
                    "payment_id": Column(title="Card", link=links.to_group("payment", "payment_id"), width=175),
                    "software": Column(title="User agent"),
                },
                empty="A routing case has no members: see the requests below.",
            ),
            24,
            11,
        ),
    ],
)

REQUESTS = Row(
    "Requests",
    [
        Tile(
            Listing(
                title="Latest requests of the case",
                question="What do they send, request by request? Prompts are not stored: templates are keyed hashes.",
                sql=requests_of(_SUSPECT),
                columns=REQUEST_COLUMNS,
                empty="No request in this time range.",
            ),
            24,
            12,
        )
    ],
)

board = Board(
    uid=links.uid_of(__name__),
    title="Case",
    order=2,
    question="What happened in this case, how sure are we, who is in it, and what should be done?",
    since="now-2d",
    choices=[
        Choice(
            name="case",
            label="Case",
            description="Open cases first, the strongest on top",
            sql="""
            SELECT case_id, concat(toString(state), ' ', behaviour, ': ', toString(accounts), ' accounts, ',
                toString(round(extraction)), ' nats (', case_id, ')') AS text
            FROM hydrometer.cases FINAL ORDER BY state, extraction DESC LIMIT 500
            """,
        )
    ],
    rows=[FILE, EVIDENCE, MEMBERS, REQUESTS],
)
