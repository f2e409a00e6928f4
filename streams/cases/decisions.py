"""What people decide about cases: verdicts, splits and merges, exclusions and legal holds. Each can be withdrawn."""

from __future__ import annotations

from streams.cases import explanation
from streams.cases.casebook import Casebook
from streams.schema.cases import CaseState, Decision
from streams.schema.labels import EXCLUDE, HOLD, LINK, MEMBER, SPLIT, VERDICTS, WITHDRAWN, Label, LearnedLabel
from streams.schema.names import AlertName, entity_key
from streams.stages.stage import Message


class Decisions:
    """Applies people's labels to a casebook."""

    def __init__(self, book: Casebook) -> None:
        """Decide about the cases of a book."""
        self._book = book

    def apply(self, label: Label) -> list[Message]:
        """Apply a label that is newer than the one it replaces; return the alerts and cases that it changes."""
        by_kind = {LINK: self._split_or_join, MEMBER: self._exclude, HOLD: self._hold}
        return by_kind.get(label.entity_kind, self._decide)(label)

    def _decide(self, label: Label) -> list[Message]:
        """Learn a verdict; close the case that it calls benign, and open again one that was closed so by mistake."""
        known = self._book.labels.get(label.label_id)
        case = self._book.cases.get(label.entity_id) if label.entity_kind == "case" else None
        entity = self._book.strongest(case) if case else self._book.entities.get(entity_key(label.entity_kind, label.entity_id))
        families = explanation.families(entity) if entity else known.families if known else {}
        self._book.labels[label.label_id] = label.learned(families)
        self._book.learn()
        if case is None or case.state == "merged":
            return []
        if label.verdict == WITHDRAWN:
            return self._withdraw(case, known)
        case.label = label
        if label.verdict != "benign":
            return self._book.reopen(case)
        return self._book.close(case, "dismissed") if case.state == "open" else self._book.publish(case)

    def _withdraw(self, case: CaseState, withdrawn: LearnedLabel | None) -> list[Message]:
        """Take a verdict on a case back: the newest of the others' verdicts counts again, and a case closed as benign opens again."""
        others = [label for label in self._book.labels.values() if (label.entity_kind, label.entity_id) == ("case", case.case_id)]
        newest = max((label for label in others if label.verdict in VERDICTS), key=lambda label: label.time, default=None)
        case.label = None if newest is None else Label.decode(newest.encode())
        benign_before = withdrawn is not None and withdrawn.verdict == "benign"
        return self._book.reopen(case) if benign_before and (newest is None or newest.verdict != "benign") else self._book.publish(case)

    def _split_or_join(self, label: Label) -> list[Message]:
        """Split off for good what does not belong to a case, or join what does; a split that is withdrawn joins again."""
        self._book.labels[label.label_id] = label.learned({})
        case_id, _, entity = label.entity_id.partition("/")
        change = self._book.caseload.split if label.verdict == SPLIT else self._book.caseload.join
        changed = change(case_id, entity, self._book.entities, label.time)
        for case in changed:
            case.decided = [*case.decided, Decision(label.time, label.author, label.note, label.entity_id, label.verdict)]
            for link in case.links:
                self._book.alerts[link.entity].case_id = case.case_id
        return [message for case in changed for message in self._book.publish(case)]

    def _exclude(self, label: Label) -> list[Message]:
        """Take an innocent account out of a case for good, with its own alert; or, withdrawn, let its evidence bring it back."""
        self._book.labels[label.label_id] = label.learned({})
        case_id, _, key = label.entity_id.partition("/")
        account, case = key.removeprefix("account:"), self._book.cases.get(case_id)
        while case is not None and case.merged_into is not None:
            case = self._book.cases.get(case.merged_into)
        listed = case is not None and (account in case.members or account in case.owners)
        if case is None or (label.verdict == EXCLUDE and (not listed or {*case.keys} == {key})):
            return []
        case.excluded = [name for name in case.excluded if name != account]
        if label.verdict == EXCLUDE:
            case.excluded = [*case.excluded, account]
            case.remove(account)
            for link in [link for link in case.links if AlertName.parse(link.entity).key == key]:
                self._book.alerts[link.entity].state = "dismissed"
            self._book.caseload.unlink(case, key)
        case.decided = [*case.decided, Decision(label.time, label.author, label.note, label.entity_id, label.verdict)]
        return self._book.publish(case)

    def _hold(self, label: Label) -> list[Message]:
        """Keep a case whole for a legal dispute, or release it."""
        self._book.labels[label.label_id] = label.learned({})
        case = self._book.cases.get(label.entity_id)
        if case is not None and case.merged_into is not None:
            case = self._book.cases.get(case.merged_into)
        if case is None or (case.hold is not None and case.hold.time > label.time):
            return []
        case.hold = label if label.verdict == HOLD else None
        return self._book.publish(case)
