"""Labels: what a person decided of a case, an account, a router or a link. They travel as JSON on the topic `labels`.

The label of a link (`case-1/payment:0123...` or `case-1/case-2`) says `split`: what was joined does not belong together; `merge`: it does.
The label of a member (`case-1/account:acct-1`) says `exclude`: the account is innocent, and is taken out of the case for good.
Any of these, and any verdict, can be `withdrawn` by its author.
The label of a hold names a case that is kept for a legal dispute: no erasure changes it until it is released.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Literal, get_args

import msgspec

from streams.core.errors import MalformedEventError
from streams.schema.event import MAX_TIME_SECONDS
from streams.schema.record import Record, Seconds

Verdict = Literal["distilling", "reseller", "benign"]
"""What a case, an account or a router can be called."""
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
ENOUGH_LABELS: Final = 30
"""Of "distilling" and of others each, from which the triage model gives a probability."""
LabelledKind = Literal["case", "account", "router"]
LABELLED_KINDS: Final[tuple[LabelledKind, ...]] = get_args(LabelledKind)
LINK: Final = "link"
SPLIT: Final = "split"
MERGE: Final = "merge"
MEMBER: Final = "member"
"""The entity kind of an account of a case, and its verdict."""
EXCLUDE: Final = "exclude"
WITHDRAWN: Final = "withdrawn"
"""What an author says to take a label back: it then counts as never given."""
Reason = Literal[
    "contract", "evaluation", "education", "own_data", "gateway", "batch", "research", "resale", "launch", "wrong_evidence", "other"
]
"""Why a case or an account is benign: the benign explanations, as codes."""
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
HOLD: Final = "hold"
"""The entity kind of a legal hold on a case, and the verdict that begins it."""
RELEASE: Final = "release"
"""The verdict that ends a legal hold."""
MAX_TEXT_CHARACTERS: Final = 2000


VERDICTS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    LINK: (SPLIT, MERGE, WITHDRAWN),
    MEMBER: (EXCLUDE, WITHDRAWN),
    HOLD: (HOLD, RELEASE),
}
"""The verdicts of kinds other than those that can be called something."""


class Label(Record, frozen=True):
    """One decision of one person. The same author's newer label on an entity replaces the older: they have one id."""

    label_id: str
    time: Seconds
    entity_kind: LabelledKind | Literal["link", "member", "hold"]
    entity_id: str
    verdict: Verdict | Literal["split", "merge", "exclude", "withdrawn", "hold", "release"]
    author: str
    note: str = ""
    signer: str = ""
    """Who vouches for the author: `analyst/<author>`, a key of their own; `analyst`, the analysts' desk; empty: nobody, from before labels
    were signed."""
    reason: Reason | Literal[""] = ""
    """Why it is benign; empty for other verdicts, and where its author gave none."""

    def __post_init__(self) -> None:
        """Check what types cannot say. Raises MalformedEventError."""
        texts = (self.label_id, self.entity_id, self.author, self.note, self.signer)
        if any(len(text) > MAX_TEXT_CHARACTERS for text in texts):
            raise MalformedEventError("wrong_type", f"a label's texts have at most {MAX_TEXT_CHARACTERS} characters")
        if not 0 <= self.time <= MAX_TIME_SECONDS:
            raise MalformedEventError("bad_timestamp", "a label's time is in seconds since 1970, before 2100")
        if not all(texts[:3]):
            raise MalformedEventError("missing_field", "a label names its label_id, entity_id and author")
        allowed = VERDICTS_OF.get(self.entity_kind, (*VERDICTS, WITHDRAWN))
        if self.verdict not in allowed:
            raise MalformedEventError("absurd", f"the verdict of the entity_kind {self.entity_kind} is one of {', '.join(allowed)}")
        if self.entity_kind == LINK and "/" not in self.entity_id:
            raise MalformedEventError("absurd", "the label of a link names case and link, as in case-1/case-2")
        if self.entity_kind == MEMBER and "/account:" not in self.entity_id:
            raise MalformedEventError("absurd", "the label of a member names case and account, as in case-1/account:acct-1")
        if self.reason and self.verdict not in ("benign", EXCLUDE):
            raise MalformedEventError("absurd", f"a reason is for the verdicts benign and {EXCLUDE}, and for no other")

    @property
    def expected_id(self) -> str:
        """The id of this author's label on this entity: nobody replaces the label of another."""
        return label_id(self.entity_kind, self.entity_id, self.author)

    def learned(self, families: Mapping[str, float]) -> LearnedLabel:
        """Return the label with the families (nats by name) of what was labelled."""
        return LearnedLabel(**msgspec.structs.asdict(self), families=dict(families))


def label_id(entity_kind: str, entity_id: str, author: str) -> str:
    """Return the id of an author's label on an entity, 16 hex digits."""
    return blake2b(f"{entity_kind} {entity_id} {author}".encode(), digest_size=8).hexdigest()


class LearnedLabel(Label, frozen=True):
    """A label as the cases stage keeps it, with what was known of the entity when it was labelled."""

    families: dict[str, float] = msgspec.field(default_factory=dict)
    """Nats by family; empty where nothing was known."""
