"""A cases stage for tests, and evidence for it: accounts and groups over the threshold, as the stages before would send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.evidence.families import FAMILIES
from models.evidence.links import CASE_LINKS
from streams.cases.policy import Policy
from streams.cases.stage import Cases
from streams.schema import layouts, topics
from streams.schema.case_changes import whole
from streams.schema.cases import Alert, Case
from streams.schema.labels import Label
from streams.stages.stage import Message
from streams.testing.block_rows import Cell, Row, columns_of

ROUTER: Final = "00000000000000aa"
CARD: Final = "00000000000000cc"
OTHER_CARD: Final = "00000000000000dd"
TEMPLATE: Final = "00000000000000ee"
FEW: Final = ("ada", "bob", "eve")
FEATURES: Final = ("daily_output", "fresh_questions")
_USUAL: Final[Row] = {
    "common": 0.0,
    "accounts": 1.0,
    "population": 10_000.0,
    "requests": 10.0,
    "output_tokens": 1000.0,
    "first": 0.0,
    "extraction": 0.0,
    "routing": 0.0,
    "features": [11.0, 0.8],
    "nats": [1.5, 3.2],
    "usual_low": [8.0, 0.0],
    "usual_high": [9.0, 0.4],
    "counted": [np.nan] * len(FAMILIES),
    **dict.fromkeys(CASE_LINKS, 0),
}


def evidence_row(kind: str, name: str, account: str | None = None, at: float = 0.0, **cells: Cell) -> Row:
    """Return one row of evidence.

    Args:
        kind: Of the entity.
        name: Its id.
        account: Of a member; None for the entity's own row.
        at: When the evidence was weighed, seconds.
        cells: Of other columns; the others are as usual.
    """
    return {"time": at, "entity_kind": kind, "entity_id": name, "account_id": account, "families": {"content": 7.0}, **cells}


def an_account(name: str, at: float = 0.0, **cells: Cell) -> Row:
    """Return an account's own evidence: `an_account("ada", at=5.0, extraction=20.0, families={"content": 7.0})`.

    Args:
        name: Of the account.
        at: When the evidence was weighed, seconds.
        cells: Of other columns.
    """
    return evidence_row("account", name, None, at, **cells)


def a_group(kind: str, name: str, who: Sequence[str], at: float = 0.0, **cells: Cell) -> list[Row]:
    """Return a group's own row, and one for each member over the threshold: `a_group("router", "00000000000000aa", ["ada", "bob", "eve"])`.

    Args:
        kind: Of link, or `account` for a group without one.
        name: The link's value, 16 hexadecimal digits.
        who: The members.
        at: When the evidence was weighed, seconds.
        cells: Of other columns, the same in all rows.
    """
    of_link: Row = {} if kind == "account" else {kind: int(name, 16)}
    cells = {"extraction": 20.0, **of_link, "accounts": float(len(who)), **cells}
    return [evidence_row(kind, name, account, at, **cells) for account in (None, *who)]


def hydra(router: str, accounts: Sequence[str], at: float, start: int) -> list[Row]:
    """Return the rows of accounts behind one router, each of its own organisation, all with one card and one template.

    Args:
        router: Its id.
        accounts: Behind it.
        at: When the evidence was weighed, seconds.
        start: The first organisation's number.
    """
    pays = {name: start + number for number, name in enumerate(accounts)}
    rows = a_group("router", router, accounts, at=at, payment=int(CARD, 16), template=int(TEMPLATE, 16))
    return [row | {"organization": pays.get(str(row["account_id"]), 0)} for row in rows]


def known_links() -> list[Row]:
    """Return what makes commonness known: 6 of 10,000 accounts have the card and the template of `hydra`."""
    return [a_group(kind, name, [], accounts=6.0, extraction=1.0)[0] for kind, name in (("payment", CARD), ("template", TEMPLATE))]


def encoded(rows: Sequence[Row]) -> bytes:
    """Return rows of evidence as a block."""
    columns = columns_of(layouts.EVIDENCE, rows, _USUAL)
    return layouts.EVIDENCE.encode(columns, {"features": FEATURES, "families": list(FAMILIES)})


class CaseDesk:
    """A cases stage, and what it has sent. Blocks are numbered by themselves, and kept so that they can be played again."""

    def __init__(self, policy: Policy | None = None) -> None:
        """Start with nothing; without a policy of its own by the one of this version."""
        self.stage = Cases(policy)
        self.blocks: list[bytes] = []
        self.sent: list[Message] = []

    def apply(self, *rows: Row) -> list[Alert]:
        """Apply one block; return the alerts that it gave rise to."""
        self.blocks.append(encoded(rows))
        return self.receive(self.stage.apply(self.blocks[-1], len(self.blocks) - 1))

    def learn(self, label: Label) -> list[Alert]:
        """Apply an analyst's label; return the alerts that it gave rise to."""
        return self.receive(self.stage.apply_feedback(label.encode(), 0))

    def receive(self, messages: list[Message]) -> list[Alert]:
        """Keep messages of the stage; return the alerts among them."""
        self.sent += messages
        return [Alert.decode(message.value) for message in messages if message.topic == topics.ALERTS and not message.is_tombstone]

    def compacted(self, topic: str) -> dict[str, bytes]:
        """Return the records that compaction leaves of a topic, by key, in their order."""
        records: dict[str, bytes] = {}
        for message in [message for message in self.sent if message.topic == topic]:
            key = (message.key or b"").decode()
            records.pop(key, None)
            if not message.is_tombstone:
                records[key] = message.value
        return records

    @property
    def versions(self) -> list[Case]:
        """Every version of every case that was sent, in order and whole."""
        sent = (message.value for message in self.sent if message.topic == topics.CASES and not message.is_tombstone)
        return [Case.decode(record) for record in whole(sent)]

    @property
    def newest(self) -> dict[str, Case]:
        """The newest version of every case, by id."""
        return {case.case_id: case for case in self.versions}

    @property
    def open(self) -> list[Case]:
        """The newest versions of open cases."""
        return [case for case in self.newest.values() if case.state == "open"]


def merged(desk: CaseDesk) -> tuple[str, str]:
    """Make two cases that a third alert makes one; return both ids, the one that stays first."""
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(*a_group("payment", OTHER_CARD, ["kim", "lou", "max"], at=1.0))
    stays, goes = (case.case_id for case in desk.open)
    desk.apply(*a_group("template", TEMPLATE, [*FEW, "kim", "lou", "max"], at=2.0))
    return stays, goes
