"""What a form of a case asks for, as records: one function for each thing that a person can do. Nothing here sends anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from streams.cases.views import terminal
from streams.cases.views.terminal import CaseRow
from streams.core.errors import HydrometerError
from streams.desk import acting
from streams.desk.queries import DeskQueries
from streams.desk.sessions import Person
from streams.schema.actions import MEASURES, STATUSES, Action, ActionKind, EnforcementDecision
from streams.schema.labels import EXCLUDE, LINK, MEMBER, MERGE, REASONS, SPLIT, VERDICTS, WITHDRAWN
from streams.schema.names import member_key
from streams.schema.record import Record

_UNDOABLE: Final = ("own", "label", "exclude", "split", "merge")
"""What its author can undo; a proposal can be undone by an approver too."""


class NotDoneError(HydrometerError):
    """A form asks for what cannot be done. The message says what to do instead."""


@dataclass(frozen=True)
class Done:
    """The records that do it, and what the page says of it."""

    records: Sequence[Record]
    summary: str


@dataclass(frozen=True)
class Wish:
    """A form, and who sent it about which case."""

    row: CaseRow
    person: Person
    texts: Mapping[str, str]
    accounts: Sequence[str]
    reading: DeskQueries

    @property
    def case_id(self) -> str:
        """Return the id of the case."""
        return self.row.case_id

    def text(self, name: str) -> str:
        """Return a field of the form, empty when it is missing."""
        return self.texts.get(name, "").strip()

    def number(self, name: str) -> float:
        """Return a field as a number. Raises NotDoneError."""
        try:
            return msgspec.convert(self.text(name), float, strict=False)
        except msgspec.ValidationError:
            raise NotDoneError(f"{name} is a number") from None

    def chosen(self) -> Sequence[str]:
        """Return the accounts that were chosen. Raises NotDoneError when one is not in the case."""
        require(
            set(self.accounts) <= self.row.payload.members.keys(), "an account that you chose is not in the case any more: reload the page"
        )
        return self.accounts

    def action(self, kind: str, value: str = "", account: str = "") -> Action:
        """Return the action of this form; `kind` is one of ActionKind."""
        return acting.action(self.person, msgspec.convert(kind, ActionKind), self.case_id, value, self.text("note"), account)


def require(condition: object, otherwise: str) -> None:
    """Raise NotDoneError with a message unless the condition holds."""
    if not condition:
        raise NotDoneError(otherwise)


def undoable(action: Action, actions: Sequence[Action], decisions: Sequence[EnforcementDecision], me: Person) -> bool:
    """Return whether a person can undo an action: once, one's own, and an approver also what others proposed."""
    if not me.may("analyst") or any(other.kind == "undo" and other.value == action.action_id for other in actions):
        return False
    if action.kind == "propose":
        standing = any(one.decision_id == action.value and one.state != "undone" for one in decisions)
        return standing and (action.author == me.name or me.may("approver"))
    return action.kind in _UNDOABLE and action.author == me.name


def label_case(person: Person, case_id: str, verdict: str, reason: str, note: str) -> Done:
    """Label a case; a benign one with a reason. Raises NotDoneError."""
    require(verdict in VERDICTS, f"a verdict is one of {', '.join(VERDICTS)}")
    require(verdict != "benign" or reason in REASONS, "say why it is benign: choose a reason")
    label = acting.label(person, ("case", case_id), verdict, note, reason if verdict == "benign" else "")
    code = f"{verdict}, {reason}" if verdict == "benign" else verdict
    return Done([label, acting.action(person, "label", case_id, code, note)], f"labelled {code}")


def _own(wish: Wish) -> Done:
    return Done([wish.action("own", wish.person.name)], "the case is yours")


def _release(wish: Wish) -> Done:
    return Done([wish.action("release")], "the case has no owner now")


def _comment(wish: Wish) -> Done:
    require(wish.text("note"), "write a comment first")
    return Done([wish.action("comment")], "comment added")


def _status(wish: Wish) -> Done:
    require(wish.text("value") in STATUSES, f"a status is one of {', '.join(STATUSES)}")
    return Done([wish.action("status", wish.text("value"))], f"status: {wish.text('value')}")


def _label(wish: Wish) -> Done:
    return label_case(wish.person, wish.case_id, wish.text("value"), wish.text("reason"), wish.text("note"))


def _exclude(wish: Wish) -> Done:
    accounts, reason, note = wish.chosen(), wish.text("reason"), wish.text("note")
    require(accounts, "choose at least one account")
    require(reason in REASONS, "say why they are innocent: choose a reason")
    require(len(accounts) < len(wish.row.payload.members), "a case needs an account: label it benign instead")
    labels = [acting.label(wish.person, (MEMBER, member_key(wish.case_id, name)), EXCLUDE, note, reason) for name in accounts]
    return Done(
        [*labels, *(wish.action("exclude", reason, name) for name in accounts)], f"{len(accounts)} accounts are excluded within seconds"
    )


def _split(wish: Wish) -> Done:
    link = wish.text("value")
    terminal.check_split(wish.row, link)
    label = acting.label(wish.person, (LINK, f"{wish.case_id}/{link}"), SPLIT, wish.text("note"))
    return Done([label, wish.action("split", link)], f"{link} is split off within seconds")


def _merge(wish: Wish) -> Done:
    other = wish.reading.case(wish.text("value"))
    require(other.case_id != wish.case_id, "a case cannot be merged with itself")
    alike = other.state == wish.row.state == "open" and other.behaviour == wish.row.behaviour
    require(alike, "only two open cases of one behaviour can be merged")
    label = acting.label(wish.person, (LINK, f"{wish.case_id}/{other.case_id}"), MERGE, wish.text("note"))
    return Done([label, wish.action("merge", other.case_id)], f"{other.case_id} is merged within seconds")


def _permission(wish: Wish) -> Done:
    require(wish.text("note"), "say which permission, and who would give it")
    return Done([wish.action("permission")], "request recorded")


def _propose(wish: Wish) -> Done:
    measure = next((known for known in MEASURES if known == wish.text("measure")), None)
    if measure is None:
        raise NotDoneError(f"a measure is one of {', '.join(MEASURES)}")
    accounts = wish.chosen() or [name for name, member in wish.row.payload.members.items() if member.left_at is None]
    require(accounts, "the case lists no present account: a channel's customers are not accused")
    numbers = {"rate": wish.number("rate") if measure == "rate_cap" else 0.0, "days": wish.number("days")}
    wanted = {**numbers, "clause": wish.text("clause"), "reason": wish.text("note")}
    decision = acting.proposal(wish.person, wish.case_id, measure, {name: [] for name in accounts}, wanted)
    words = f"{decision.step} {measure.replace('_', ' ')}: {decision.reason}"
    recorded = acting.action(wish.person, "propose", wish.case_id, decision.decision_id, words)
    return Done([decision, recorded], f"proposed for {len(accounts)} accounts: it needs an approval")


def _approve(wish: Wish) -> Done:
    require(wish.person.may("approver"), f"your role is {wish.person.role}: this takes the role approver")
    decision = acting.approved(wish.person, _decision(wish, wish.text("value")))
    return Done([decision, wish.action("approve", decision.decision_id)], f"{decision.measure.replace('_', ' ')} is approved and in force")


def _undo(wish: Wish) -> Done:
    actions, decisions = wish.reading.actions(case=wish.case_id), wish.reading.decisions(case=wish.case_id)
    action = next((one for one in actions if one.action_id == wish.text("value")), None)
    if action is None or not undoable(action, actions, decisions, wish.person):
        raise NotDoneError("this cannot be undone by you, or was undone already")
    words = f"{action.kind} {action.note if action.kind == 'propose' else action.value}".strip()
    records: list[Record] = [acting.action(wish.person, "undo", wish.case_id, action.action_id, words)]
    match action.kind:
        case "own":
            records.append(wish.action("release"))
        case "propose":
            records.append(acting.undone(wish.person, _decision(wish, action.value)))
        case "label":
            records.append(acting.label(wish.person, ("case", wish.case_id), WITHDRAWN))
        case "exclude":
            records.append(acting.label(wish.person, (MEMBER, member_key(wish.case_id, action.account_id)), WITHDRAWN))
        case _:
            verdict = SPLIT if action.kind == "merge" else WITHDRAWN
            records.append(acting.label(wish.person, (LINK, f"{wish.case_id}/{action.value}"), verdict))
    return Done(records, f"{action.kind} undone")


def _decision(wish: Wish, decision_id: str) -> EnforcementDecision:
    found = [decision for decision in wish.reading.decisions(case=wish.case_id) if decision.decision_id == decision_id]
    require(found, "this case has no such decision")
    return found[0]


DEEDS: Final[Mapping[str, Callable[[Wish], Done]]] = {
    "own": _own,
    "release": _release,
    "comment": _comment,
    "status": _status,
    "label": _label,
    "exclude": _exclude,
    "split": _split,
    "merge": _merge,
    "permission": _permission,
    "propose": _propose,
    "approve": _approve,
    "undo": _undo,
}
"""By the form's `kind`."""
