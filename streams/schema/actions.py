"""What people do at the desk, and what they decide to enforce. Both travel as signed JSON, and stand in a table of their name for audits.

A score enforces nothing: only a decision that a person proposed and, from L3 on, another person approved, and only until it expires.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final, Literal, get_args

import msgspec

from models.durations import DAY
from streams.core.errors import MalformedEventError
from streams.core.typed_json import read_json
from streams.schema.event import MAX_TIME_SECONDS
from streams.schema.labels import MAX_TEXT_CHARACTERS
from streams.schema.record import Record, Seconds

ActionKind = Literal[
    "own",
    "release",
    "comment",
    "status",
    "label",
    "exclude",
    "split",
    "merge",
    "permission",
    "propose",
    "approve",
    "undo",
    "export",
    "exhibit",
]
ACTION_KINDS: Final[tuple[ActionKind, ...]] = get_args(ActionKind)
Status = Literal["new", "investigating", "waiting", "decided"]
"""How far a case is in people's hands; whether it is open is another question, which its evidence answers."""
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
Measure = Literal["rate_cap", "step_up", "hide_reasoning", "canary", "suspend_key", "ban"]
STEP_OF: Final[Mapping[Measure, str]] = {
    "rate_cap": "L1",
    "step_up": "L1",
    "hide_reasoning": "L2",
    "canary": "L2",
    "suspend_key": "L3",
    "ban": "L4",
}
"""The response step of each measure (`streams.cases.response_steps`)."""
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
FOUR_EYES: Final = ("L3", "L4", "L5")
"""Steps that a second person approves."""
MAX_DECISION_SECONDS: Final = 90 * DAY
"""A decision ends after at most this long: it is taken anew, or it ends."""
MAX_DECISION_ACCOUNTS: Final = 20_000
_ROUNDED_SECONDS: Final = 0.01
"""What moments lose in the table, which keeps milliseconds."""
_CHANGED_BY_APPROVAL: Final = ("state", "time", "approver", "starts", "expires", "payload", "signer")
"""Fields of a decision that may differ from its proposal: fewer accounts, fewer days, another moment and signer."""
_ID: Final = re.compile(r"[0-9a-f]{16,32}")


class Action(Record, frozen=True):
    """One thing that a person did about a case or an account."""

    action_id: str
    """32 hex digits."""
    time: Seconds
    case_id: str
    kind: ActionKind
    author: str
    role: str
    """What the author was allowed: viewer, analyst or approver."""
    value: str = ""
    """The new status, the verdict, the other case, the id of what is undone, the digest of what was exported, an `Exhibit`, ..."""
    note: str = ""
    account_id: str = ""
    """The account it is about; empty when it is about the case."""
    signer: str = ""
    """Who vouches for the author, as for a label."""

    def __post_init__(self) -> None:
        """Check what types cannot say. Raises MalformedEventError."""
        _check_texts(self.case_id, self.author, self.role, self.value, self.note, self.account_id, self.signer)
        _check_id(self.action_id)
        _check_time(self.time)
        if not self.author or not (self.case_id or self.account_id):
            raise MalformedEventError("missing_field", "an action names its author, and a case or an account")


class EnforcementPayload(Record, frozen=True):
    """Whom a decision is about."""

    members: dict[str, list[str]]
    """The API keys of each account that it is about; none: all of the account's keys."""


class EnforcementDecision(Record, frozen=True):
    """What a person wants done to accounts of a case. Its newest version counts."""

    decision_id: str
    """16 hex digits."""
    time: Seconds
    """Of this version."""
    state: Literal["proposed", "approved", "undone"]
    case_id: str
    step: str
    """L1 to L4, that of the measure."""
    measure: Measure
    rate: float
    """Requests per minute of all accounts together for `rate_cap`, else 0."""
    clause: str
    """The clause of the terms that is touched."""
    reason: str
    author: str
    """Who proposed it."""
    approver: str
    """Who approved it; empty while it is proposed."""
    starts: Seconds
    expires: Seconds
    payload: EnforcementPayload
    signer: str = ""

    def __post_init__(self) -> None:
        """Check what types cannot say. Raises MalformedEventError."""
        _check_texts(self.case_id, self.clause, self.reason, self.author, self.approver, self.signer)
        _check_id(self.decision_id)
        for moment in (self.time, self.starts, self.expires):
            _check_time(moment)
        if not (self.case_id and self.author and self.reason and self.payload.members):
            raise MalformedEventError("missing_field", "a decision names its case, its author, a reason and at least one account")
        if self.step != STEP_OF[self.measure]:
            raise MalformedEventError("absurd", f"{self.measure} is step {STEP_OF[self.measure]}, not {self.step}")
        if not 0 < self.expires - self.starts <= MAX_DECISION_SECONDS:
            raise MalformedEventError("absurd", f"a decision expires after it starts, within {MAX_DECISION_SECONDS / DAY:.0f} days")
        if (self.measure == "rate_cap") != (self.rate > 0):
            raise MalformedEventError("absurd", "a rate cap, and nothing else, has a limit above 0")
        if len(self.payload.members) > MAX_DECISION_ACCOUNTS:
            raise MalformedEventError("absurd", f"a decision is about {MAX_DECISION_ACCOUNTS:,} accounts at most")
        if self.state == "approved" and not self.approver:
            raise MalformedEventError("missing_field", "an approved decision names who approved it")
        if self.state == "approved" and self.step in FOUR_EYES and self.approver.casefold() == self.author.casefold():
            raise MalformedEventError("bad_author", f"{self.step} is approved by another person than its author")

    def in_force(self, at: float) -> bool:
        """Return whether gateways obey it at a time (seconds since 1970)."""
        return self.state == "approved" and self.starts <= at < self.expires

    def is_as_proposed(self, versions: Iterable[EnforcementDecision]) -> bool:
        """Return whether a decision that takes four eyes was proposed by its author as it is approved, for at least its accounts and days.

        Who approves with a key of their own can sign for themselves alone, so the proposal is the other person's. Others need none.

        Args:
            versions: The versions of decisions among which the proposal may be.
        """
        return self.state != "approved" or self.step not in FOUR_EYES or any(self._approves(one) for one in versions)

    def _approves(self, proposal: EnforcementDecision) -> bool:
        """Return whether this is a proposal, approved. What an approval may not change is the same in both, whatever fields there are."""
        if proposal.state != "proposed" or proposal.time > self.time:
            return False
        changed = {name: getattr(proposal, name) for name in _CHANGED_BY_APPROVAL}
        members = proposal.payload.members
        return (
            msgspec.structs.replace(self, **changed) == proposal
            and self.expires - self.starts <= proposal.expires - proposal.starts + _ROUNDED_SECONDS
            and all(account in members and set(keys) == set(members[account]) for account, keys in self.payload.members.items())
        )


def action_of(row: Sequence[Any]) -> Action:
    """Return a row of the table `actions`, in the order of the record's fields, as its record. Raises MalformedEventError."""
    columns = dict(zip(Action.__struct_fields__, row, strict=True))
    return Action(**{**columns, "time": columns["time"].replace(tzinfo=columns["time"].tzinfo or UTC).timestamp()})


def decision_of(row: Sequence[Any]) -> EnforcementDecision:
    """Return a row of the table `enforcement`, in the order of the record's fields, as its record. Raises MalformedEventError."""
    columns = dict(zip(EnforcementDecision.__struct_fields__, row, strict=True))
    columns |= {name: columns[name].replace(tzinfo=columns[name].tzinfo or UTC).timestamp() for name in ("time", "starts", "expires")}
    columns["payload"] = read_json(str(columns["payload"]), EnforcementPayload)
    return EnforcementDecision(**columns)


def _check_texts(*texts: str) -> None:
    if any(len(text) > MAX_TEXT_CHARACTERS for text in texts):
        raise MalformedEventError("wrong_type", f"texts have at most {MAX_TEXT_CHARACTERS} characters")


def _check_id(name: str) -> None:
    if not _ID.fullmatch(name):
        raise MalformedEventError("absurd", "an id is 16 to 32 hexadecimal digits")


def _check_time(moment: float) -> None:
    if not 0 <= moment <= MAX_TIME_SECONDS:
        raise MalformedEventError("bad_timestamp", "a time is in seconds since 1970, before 2100")


def is_by_its_signer(record: Action | EnforcementDecision, signer: str, author_prefix: str) -> bool:
    """Return whether a record names the signer that signed it, and, with a key of one author (`author_prefix` and the name), that author.

    A decision is signed by who took its newest step: its author who proposes, its approver who approves, either who undoes.
    """
    own = signer.removeprefix(author_prefix) if signer.startswith(author_prefix) else None
    people = {record.author}
    if isinstance(record, EnforcementDecision) and record.state != "proposed":
        people = {record.approver} if record.state == "approved" else {record.author, record.approver}
    return record.signer == signer and (own is None or own in people)


def newest(versions: Sequence[EnforcementDecision]) -> dict[str, EnforcementDecision]:
    """Return the newest version of each decision, by id."""
    return {version.decision_id: version for version in sorted(versions, key=lambda version: version.time)}
