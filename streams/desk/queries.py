"""What the desk shows, read from ClickHouse: the queue, a case, an account, a router, and what people did about them.

A record that was just sent is in ClickHouse seconds later: until then the desk adds it from its own memory, so that it shows at once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from streams.cases.views import terminal
from streams.cases.views.listed import Line
from streams.cases.views.terminal import CaseRow
from streams.clickhouse.hash_text import as_hex, hashed
from streams.core.queries import Queries
from streams.core.word_hash import hash_word
from streams.schema.actions import Action, EnforcementDecision, action_of, decision_of, newest
from streams.schema.cases import SEVERITIES
from streams.schema.indicators import NO_INDICATOR
from streams.schema.names import BEHAVIOURS, alert_name
from streams.schema.record import Record

QUEUE_ROWS: Final = 200
"""Cases that the queue shows at most; a filter or a search finds the others."""
RECENT_SECONDS: Final = 120.0
PATTERN_ACCOUNTS: Final = 40
PATTERN_HOURS: Final = 48
_SORTS: Final = {
    "evidence": "state, rank DESC, nats DESC, case_id",
    "changed": "updated_at DESC, case_id",
    "opened": "opened_at DESC, case_id",
    "accounts": "accounts DESC, case_id",
}
SORTS: Final = tuple(_SORTS)


@dataclass(frozen=True)
class Filters:
    """What the queue is asked for."""

    text: str = ""
    """An account, organisation, card, router, template or the start of a case's id."""
    behaviour: str = ""
    severity: str = ""
    status: str = ""
    owner: str = ""
    """`mine`, `unowned` or empty."""
    state: str = "open"
    changed: bool = False
    sort: str = "evidence"


@dataclass(frozen=True)
class QueueLine(Line):
    """A case in the queue, with what people have done about it."""

    version: int
    owner: str = ""
    status: str = "new"
    changed: bool = False


@dataclass
class Recent:
    """Records that were sent a moment ago."""

    _records: deque[tuple[float, Record]] = field(default_factory=lambda: deque(maxlen=10_000))

    def add(self, records: Iterable[Record]) -> None:
        """Keep these for RECENT_SECONDS."""
        self._records.extend((time.monotonic(), record) for record in records)

    def of(self, kind: type[Any]) -> list[Any]:
        """Return those of one type, the oldest first."""
        while self._records and time.monotonic() - self._records[0][0] > RECENT_SECONDS:
            self._records.popleft()
        return [record for _, record in self._records if isinstance(record, kind)]


@dataclass(frozen=True)
class StoredFacts:
    """What the stored requests say of an account or a router. Hashes are 16 hexadecimal digits; lists hold what is known."""

    requests: int
    accounts: int
    first: datetime
    last: datetime
    output_tokens: float | None
    organization: str
    cards: list[str]
    routers: list[str]
    programs: list[str]
    indicators: list[str]
    """Those of others that its requests match (`hydrometer indicators list`)."""
    created: datetime | None
    members: list[str]
    """At most 100 of its accounts."""


class DeskQueries:
    """Queries for the desk's pages. Every value goes to ClickHouse as a parameter."""

    def __init__(self, clickhouse: Queries) -> None:
        """Read through this client."""
        self._clickhouse = clickhouse
        self.recent = Recent()

    def queue(self, filters: Filters, me: str, looked: Mapping[str, int]) -> tuple[list[QueueLine], int]:
        """Return the lines of the queue, and how many cases match in all.

        me: the analyst who asks. looked: the version of each case that this analyst has seen, by id.

        Raises StoreUnavailableError.
        """
        rank = f"indexOf({list(SEVERITIES)!r}, severity)"
        rows = self._clickhouse.query(
            f"""
            SELECT case_id, toString(state), JSONExtractString(payload, 'tier'), behaviour,
                JSONExtractString(payload, 'score', 'severity') AS severity, JSONExtractString(payload, 'score', 'chance'),
                title, accounts, requests, if(behaviour = 'extraction', extraction, routing) AS nats, muted, opened_at, updated_at,
                JSONExtractString(payload, 'label', 'verdict'), JSONExtractString(payload, 'next_step'), version, {rank} AS rank
            FROM cases FINAL
            WHERE (%(state)s = 'all' OR state = %(state)s) AND (%(behaviour)s = '' OR behaviour = %(behaviour)s)
                AND (%(severity)s = '' OR severity = %(severity)s)
                AND (%(text)s = '' OR startsWith(case_id, %(case)s) OR position(payload, %(text)s) > 0 OR position(payload, %(hash)s) > 0
                    OR case_id IN (SELECT case_id FROM case_lists WHERE %(text)s != '' AND part != 'history'
                        AND (position(name, %(text)s) > 0 OR position(value, %(text)s) > 0 OR position(value, %(hash)s) > 0)))
            ORDER BY {_SORTS.get(filters.sort, _SORTS["evidence"])}
            """,  # noqa: S608 (our own words)
            {
                "state": filters.state,
                "behaviour": filters.behaviour,
                "severity": filters.severity,
                "text": filters.text,
                "case": f"case-{filters.text.removeprefix('case-')}",
                "hash": f"{hash_word(filters.text):016x}" if filters.text else "",
            },
        )
        work = self.work()
        wanted = [line for line in (_line(row, work, looked) for row in rows) if _is_wanted(line, filters, me)]
        return wanted[:QUEUE_ROWS], len(wanted)

    def work(self) -> dict[str, tuple[str, str]]:
        """Return owner and status of each case that a person has touched."""
        owners: dict[str, str] = {}
        statuses: dict[str, str] = {}
        for action in self.actions(kinds=("own", "release", "status")):
            if action.kind == "status":
                statuses[action.case_id] = action.value
            else:
                owners[action.case_id] = action.value if action.kind == "own" else ""
        return {case: (owners.get(case, ""), statuses.get(case, "new")) for case in owners.keys() | statuses.keys()}

    def actions(self, *, case: str = "", account: str = "", kinds: Sequence[str] = ()) -> list[Action]:
        """Return what people did, the oldest first: about one case or account, or all of these kinds."""
        names = ", ".join(Action.__struct_fields__)
        rows = self._clickhouse.query(
            f"SELECT {names} FROM actions FINAL WHERE (%(case)s = '' OR case_id = %(case)s) "  # noqa: S608 (our own column names)
            "AND (%(account)s = '' OR account_id = %(account)s) AND (%(all)s OR kind IN %(kinds)s) ORDER BY time, action_id",
            {"case": case, "account": account, "all": int(not kinds), "kinds": [*kinds, ""]},
        )
        stored = {str(row[0]): action_of(row) for row in rows}
        for action in self.recent.of(Action):
            if (
                (not case or action.case_id == case)
                and (not account or action.account_id == account)
                and (not kinds or action.kind in kinds)
            ):
                stored.setdefault(action.action_id, action)
        return sorted(stored.values(), key=lambda action: (action.time, action.action_id))

    def decisions(self, *, case: str = "", account: str = "") -> list[EnforcementDecision]:
        """Return the newest version of each decision about a case or an account, or of all, the newest first."""
        names = ", ".join(EnforcementDecision.__struct_fields__)
        rows = self._clickhouse.query(
            f"SELECT {names} FROM enforcement FINAL WHERE (%(case)s = '' OR case_id = %(case)s) "  # noqa: S608 (our own column names)
            "AND (%(account)s = '' OR JSONHas(payload, 'members', %(account)s)) ORDER BY time",
            {"case": case, "account": account},
        )
        versions = [decision_of(row) for row in rows]
        versions += [
            decision
            for decision in self.recent.of(EnforcementDecision)
            if (not case or decision.case_id == case) and (not account or account in decision.payload.members)
        ]
        return sorted(newest(versions).values(), key=lambda decision: -decision.time)

    def case(self, case_id: str) -> CaseRow:
        """Return one case. Raises UnknownCaseError."""
        return terminal.find(self._clickhouse, case_id)

    def version(self, case_id: str) -> int:
        """Return the newest stored version of a case, 0 for an unknown one."""
        rows = self._clickhouse.query("SELECT max(version) FROM cases WHERE case_id = %(case)s", {"case": case_id})
        return int(rows[0][0])

    def cases_of(self, account: str) -> list[tuple[str, str, str, str, bool]]:
        """Return the cases in which an account is a member, or its owner is to be warned (True): id, state, behaviour, title, which."""
        rows = self._clickhouse.query(
            "SELECT case_id, toString(state), behaviour, title, warns FROM (SELECT * FROM cases FINAL) AS cases INNER JOIN ("
            "SELECT case_id, max(part = 'owners') AS warns FROM case_lists "
            "WHERE part IN ('members', 'owners') AND name = %(account)s GROUP BY case_id) AS lists USING case_id "
            "ORDER BY state, updated_at DESC LIMIT 50",
            {"account": account},
        )
        return [(str(case), str(state), str(behaviour), str(title), bool(warns)) for case, state, behaviour, title, warns in rows]

    def cases_about(self, key: str) -> list[tuple[str, str, str, str]]:
        """Return the cases that an entity (`kind:id`) belongs to: id, state, behaviour, title."""
        rows = self._clickhouse.query(
            "SELECT case_id, toString(state), behaviour, title FROM cases FINAL WHERE position(payload, %(quoted)s) > 0 "
            "OR case_id IN (SELECT case_id FROM case_lists WHERE part IN ('links', 'entities') AND name IN %(names)s) "
            "ORDER BY state, updated_at DESC LIMIT 50",
            {"quoted": f'{key}"', "names": [key, *(alert_name(behaviour, key) for behaviour in BEHAVIOURS)]},
        )
        return [(str(case), str(state), str(behaviour), str(title)) for case, state, behaviour, title in rows]

    def facts(self, column: str, value: str) -> StoredFacts | None:
        """Return what the stored requests say of an account (`account_id`) or a router (`router`); None without any.

        value: An account's id, or a router's 16 hexadecimal digits.
        """
        condition = "account_id = %(value)s" if column == "account_id" else f"router = {hashed('%(value)s')}"
        rows = self._clickhouse.query(
            f"""
            SELECT count(), uniqExact(account_id), min(time), max(time), sum(output_tokens), any(toString(organization_id)),
                groupUniqArray(10)({as_hex("payment")}), groupUniqArray(10)({as_hex("router")}), groupUniqArray(5)(toString(user_agent)),
                groupUniqArrayIf(10)(toString(indicator), indicator NOT IN ('', '{NO_INDICATOR}')),
                any(account_created), groupUniqArray(100)(account_id)
            FROM requests WHERE {condition}
            """,  # noqa: S608 (one of two conditions)
            {"value": value},
        )
        facts = StoredFacts(*rows[0])
        lists = (facts.cards, facts.routers, facts.programs)
        cards, routers, programs = ([value for value in values if value] for values in lists)
        return replace(facts, cards=cards, routers=routers, programs=programs) if facts.requests else None

    def scores(self, kind: str, name: str) -> list[tuple[datetime, float, float]]:
        """Return the newest 200 scores of an entity: time, extraction, routing, the oldest first."""
        rows = self._clickhouse.query(
            "SELECT time, extraction, routing FROM scores WHERE entity_kind = %(kind)s AND entity_id = %(name)s "
            "ORDER BY time DESC LIMIT 200",
            {"kind": kind, "name": name},
        )
        return [(at, float(extraction), float(routing)) for at, extraction, routing in rows][::-1]

    def pattern(self, accounts: Sequence[str]) -> tuple[list[str], int, dict[tuple[str, int], int]]:
        """Return requests by account and hour in the last PATTERN_HOURS of the busiest of these accounts.

        Returns:
            The accounts, the last hour (hours since 1970), and counts by account and hours before the last.
        """
        if not accounts:
            return [], 0, {}
        rows = self._clickhouse.query(
            """
            WITH (SELECT max(intDiv(toUnixTimestamp(time), 3600)) FROM requests WHERE account_id IN %(accounts)s) AS newest
            SELECT account_id, newest - intDiv(toUnixTimestamp(time), 3600) AS ago, count(), newest FROM requests
            WHERE account_id IN %(accounts)s AND newest - intDiv(toUnixTimestamp(time), 3600) < %(hours)s GROUP BY account_id, ago, newest
            """,
            {"accounts": list(accounts[:PATTERN_ACCOUNTS]), "hours": PATTERN_HOURS},
        )
        counts = {(str(account), int(ago)): int(count) for account, ago, count, _ in rows}
        return (
            [account for account in accounts[:PATTERN_ACCOUNTS] if any(name == account for name, _ in counts)],
            (int(rows[0][3]) if rows else 0),
            counts,
        )


def _line(row: Sequence[Any], work: Mapping[str, tuple[str, str]], looked: Mapping[str, int]) -> QueueLine:
    stored = dict(zip(QueueLine.__dataclass_fields__, row[:-1], strict=False))
    owner, status = work.get(str(stored["case_id"]), ("", "new"))
    return QueueLine(**stored, owner=owner, status=status, changed=looked.get(str(stored["case_id"])) != stored["version"])


def _is_wanted(line: QueueLine, filters: Filters, me: str) -> bool:
    if filters.owner and line.owner != {"mine": me, "unowned": ""}.get(filters.owner, line.owner):
        return False
    return (not filters.status or line.status == filters.status) and (not filters.changed or line.changed)
