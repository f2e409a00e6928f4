"""Enforcement: what people decided to do about accounts, what gateways obey now, and who did what about cases."""

from __future__ import annotations

from typing import Final

from dashboards import links
from dashboards.board import Board, Row, Tile
from dashboards.palette import BAD, CALM, GOOD, WARN
from dashboards.sql import DECISIONS
from dashboards.views import MINUTE_UNIT, Column, Listing, Stat, Trend
from models.durations import DAY

_IN_FORCE: Final = "state = 'approved' AND starts <= now() AND now() < expires"
_OVERDUE_SECONDS: Final = int(DAY)
"""A proposal that has waited longer should be approved or undone."""

NOW = Row(
    "Now",
    [
        Tile(
            Stat(
                title="Decisions in force",
                question="How many decisions do gateways obey now? Nothing is enforced by a score: each was proposed by a person.",
                sql=f"SELECT count() AS decisions FROM ({DECISIONS}) WHERE {_IN_FORCE}",
                color=CALM,
            ),
            5,
            4,
        ),
        Tile(
            Stat(
                title="Accounts under a decision",
                question="How many accounts are limited, checked or refused now? Each is counted once.",
                sql=f"SELECT uniqExact(arrayJoin(JSONExtractKeys(payload, 'members'))) AS accounts FROM ({DECISIONS}) WHERE {_IN_FORCE}",
                color=CALM,
            ),
            5,
            4,
        ),
        Tile(
            Stat(
                title="Waiting for an approval",
                question="How many proposed steps does no gateway obey yet, because no approver has looked?",
                sql=f"SELECT count() AS proposals FROM ({DECISIONS}) WHERE state = 'proposed' AND now() < expires",
                steps=((None, GOOD), (1, WARN)),
            ),
            5,
            4,
        ),
        Tile(
            Stat(
                title="Longest wait",
                question="How long has the oldest proposal waited? After a day it should be approved or undone.",
                sql=f"""
                SELECT if(count() = 0, 0, dateDiff('second', min(time), now())) AS seconds
                FROM ({DECISIONS}) WHERE state = 'proposed' AND now() < expires
                """,
                unit="s",
                steps=((None, GOOD), (_OVERDUE_SECONDS, BAD)),
            ),
            5,
            4,
        ),
        Tile(
            Stat(
                title="End within a day",
                question="How many decisions end in the next 24 hours? Take them anew at the desk, or let them end.",
                sql=f"SELECT count() AS decisions FROM ({DECISIONS}) WHERE {_IN_FORCE} AND expires < now() + INTERVAL 1 DAY",
                color=CALM,
            ),
            4,
            4,
        ),
        Tile(
            Listing(
                title="Decisions",
                question="What is to be done about which case, who proposed and approved it, and until when do gateways obey it?",
                sql=f"""
                SELECT case_id, step, replaceAll(measure, '_', ' ') AS measure, if(rate > 0, toString(rate), '') AS cap,
                multiIf(state = 'undone', 'undone', now() >= expires, 'expired', state = 'proposed', 'waits', 'in force') AS now_is,
                JSONLength(payload, 'members') AS accounts, author, approver, starts, expires, clause, reason, decision_id
                FROM ({DECISIONS}) ORDER BY indexOf(['in force', 'waits', 'expired', 'undone'], now_is), expires DESC LIMIT 200
                """,
                columns={
                    "case_id": Column(title="Case", link=links.to_case(), width=165),
                    "step": Column(title="Step", width=60),
                    "measure": Column(title="Measure", width=125),
                    "cap": Column(title="Requests a minute", width=140),
                    "now_is": Column(title="Now", width=80),
                    "accounts": Column(title="Accounts", width=85),
                    "author": Column(title="Proposed by", width=120),
                    "approver": Column(title="Approved or undone by", width=170),
                    "starts": Column(title="Starts", unit=MINUTE_UNIT, width=135),
                    "expires": Column(title="Expires", unit=MINUTE_UNIT, width=135),
                    "clause": Column(title="Clause", width=140),
                    "reason": Column(title="Reason", wrap=True),
                    "decision_id": Column(title="Reference", width=150),
                },
                empty="Nothing was decided, and no score enforces anything.",
            ),
            24,
            10,
        ),
    ],
)

DEEDS = Row(
    "Who did what",
    [
        Tile(
            Trend(
                title="Decisions by what was done",
                question="When were steps proposed, approved and undone?",
                sql="""
                SELECT $__timeInterval(time) AS bucket, toString(state) AS done, count() AS Value
                FROM hydrometer.enforcement FINAL WHERE $__timeFilter(time) GROUP BY bucket, done ORDER BY bucket
                """,
                style="bars",
                stacked=True,
                decimals=0,
                columns={"proposed": Column(color=WARN), "approved": Column(color=BAD), "undone": Column(color=GOOD)},
            ),
            8,
            10,
        ),
        Tile(
            Listing(
                title="What people did",
                question="Who did what about which case, when? Every action at the desk is one signed record; nothing is ever deleted.",
                sql="""
                SELECT time, author, role, kind, case_id, account_id,
                    multiIf(kind = 'approve', concat(step, ' ', replaceAll(toString(measure), '_', ' ')),
                        kind IN ('propose', 'undo', 'export', 'exhibit'), note, kind = 'own', '',
                        arrayStringConcat(arrayFilter(text -> text != '', [value, note]), ': ')) AS what
                FROM (SELECT * FROM hydrometer.actions FINAL WHERE $__timeFilter(time)) AS done
                LEFT JOIN (SELECT decision_id, any(step) AS step, any(measure) AS measure
                    FROM hydrometer.enforcement GROUP BY decision_id) AS decided ON done.value = decided.decision_id
                ORDER BY time DESC LIMIT 200
                """,
                columns={
                    "time": Column(title="When", unit=MINUTE_UNIT, width=135),
                    "author": Column(title="Who", width=140),
                    "role": Column(title="Role", width=80),
                    "kind": Column(title="Did", width=90),
                    "case_id": Column(title="Case", link=links.to_case(), width=165),
                    "account_id": Column(title="Account", link=links.to_account(), width=165),
                    "what": Column(title="What", wrap=True),
                },
                empty="No analyst did anything in this time range.",
            ),
            16,
            10,
        ),
    ],
)

board = Board(
    uid=links.uid_of(__name__),
    title="Enforcement",
    order=5,
    question="What did people decide, what do gateways obey now, and who did what?",
    since="now-7d",
    rows=[NOW, DEEDS],
)
