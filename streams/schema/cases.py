"""Alerts and cases: what the stage of cases sends, and what it keeps of a case between two versions.

An alerted entity is named `behaviour:kind:id` (`AlertName`), an entity `kind:id`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, get_args

import msgspec

from streams.schema.labels import SPLIT, Label
from streams.schema.names import AlertName, Behaviour
from streams.schema.record import Nats, Record, Seconds, UInt32, UInt64

AlertStep = Literal["open", "update", "resolved"]
CaseStep = Literal["open", "resolved"]
Tier = Literal["alert", "ask"]
"""How far the evidence goes: `alert`, or `ask`, where honest use may still explain it: a question to the account holder, no alert."""
Tlp = Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
"""Traffic Light Protocol 2.0 (first.org/tlp): who may see what is exported."""
Severity = Literal["low", "medium", "high", "critical"]
"""How urgent a case is: see `streams.cases.severity`."""
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
TLPS: tuple[Tlp, ...] = get_args(Tlp)
Total = int | float
"""Nats of several links. Of none it is written as 0, and must be read as 0: the audit chain's digests are of the bytes."""


def is_at_least(severity: str, least: Severity) -> bool:
    """Return whether a severity is `least` or more. One that is unknown, as in records of before 0.3, passes: nothing is hidden by it.

    >>> is_at_least("high", "medium"), is_at_least("low", "medium"), is_at_least("", "critical")
    (True, False, True)
    """
    return severity not in SEVERITIES or SEVERITIES.index(severity) >= SEVERITIES.index(least)


class FeaturePart(Record, frozen=True):
    """One feature's part in a score, and all of it as a sentence."""

    feature: str
    value: float | None
    usual: list[float] | None
    nats: Nats
    sentence: str = ""


class Contribution(Record, frozen=True):
    """What one family adds to a score."""

    family: str
    nats: Nats
    """As measured."""
    counted: Nats
    """What of it is in the score, in tenths: the parts of a score add up to it."""
    why: str = ""
    """Why less, or more, is counted than was measured; empty where all of it is."""


class Score(Record, frozen=True):
    """The evidence of a behaviour: the sum of counted contributions. Terminal, page, boards, desk and OCSF show this one."""

    of: str = ""
    """`kind:id` of the account, or the channel, that has it."""
    nats: Nats = 0.0
    parts: list[Contribution] = msgspec.field(default_factory=list)
    """The largest first; empty in records of before 0.3."""
    severity: str = ""
    """One of SEVERITIES; empty in records of before 0.3."""
    one_in: float | None = None
    """Of how many ordinary accounts one scores as high, by calibration; None while that is not known."""
    chance: str = ""
    """The same as a sentence."""


class Hypothesis(Record, frozen=True, kw_only=True):
    """One benign explanation, whether it fits (None: cannot be told), and the reason."""

    hypothesis: str = ""
    fits: bool | None
    because: str
    """What it would need, what was found, and what follows, as sentences."""
    persona: str | msgspec.UnsetType = msgspec.UNSET
    """What `hypothesis` was called until 0.2.0: read from older records, never written."""

    def __post_init__(self) -> None:
        """Take the explanation's name from where an older record has it."""
        if self.persona is not msgspec.UNSET:
            msgspec.structs.force_setattr(self, "hypothesis", self.persona)
            msgspec.structs.force_setattr(self, "persona", msgspec.UNSET)


class HeldRule(Record, frozen=True):
    """A rule of extraction by which evidence was enough for an alert."""

    name: str
    requires: str
    """What the rule asks, in the words of the version that raised the alert."""
    accounts: UInt32
    """For how many of the suspect accounts it was the first rule that held."""


class WeighedEdge(Record, frozen=True):
    """What two sets of accounts share of one kind of link (`models.evidence.links.Edge`)."""

    kind: str
    values: list[str]
    shared: int
    of: int
    common: float
    nats: Nats
    family: str


class Link(Record, frozen=True, omit_defaults=True):
    """An alerted entity of a case; with the weights for which it joined, unless the case began with it."""

    entity: str
    """`behaviour:kind:id`."""
    since: Seconds
    why: str
    from_case: str | None
    """The merged case that it came with, None when it joined by itself."""
    same_accounts: float | None = None
    nats: Total | None = None
    needed: Nats | None = None
    edges: list[WeighedEdge] | None = None


class Near(Record, frozen=True):
    """Another case that has something in common with this one, and was not merged."""

    case_id: str
    same_accounts: float
    nats: Total
    needed: Nats
    edges: list[WeighedEdge]


class Merge(Record, frozen=True):
    """A case that was merged into this one."""

    case_id: str
    at: Seconds
    same_accounts: float
    nats: Total
    needed: Nats
    edges: list[WeighedEdge]


class Served(Record, frozen=True):
    """What an account had been served at a moment."""

    requests: float
    output_tokens: float


class CaseMember(Record, frozen=True):
    """An account of a case. Newer numbers make another record: what is still the same object has not changed."""

    joined_at: float
    left_at: float | None
    before: Served = msgspec.field(default_factory=lambda: Served(0.0, 0.0))
    """What it had been served when it joined."""
    requests: float = 0.0
    output_tokens: float = 0.0
    extraction: float = 0.0
    routing: float | None = None
    """None in rows that were stored without it."""
    first: float = 0.0
    payment: str = ""
    organization: str = ""
    router: str = ""
    template: str = ""

    def score(self, behaviour: str) -> float:
        """Return the nats for a behaviour, 0 where it was not stored."""
        return self.extraction if behaviour == "extraction" else self.routing or 0.0


class ScoredEntity(Record, frozen=True):
    """An entity of a case, by key, with its scores."""

    entity: str
    extraction: Nats
    routing: Nats


class Leak(Record, frozen=True):
    """What the accounts have been served: an upper bound of what was harvested."""

    requests: float
    output_tokens: float
    requests_before_alert: float | None
    """Of the members before each joined; None for a channel, whose accounts are not listed."""
    output_tokens_before_alert: float | None
    estimate: str


class ResponseStep(Record, frozen=True):
    """The response step to consider first."""

    step: str
    does: str
    why: str
    families: list[str]
    signature: str


class Term(Record, frozen=True):
    """A clause of the terms of use that a behaviour touches."""

    id: str
    version: str
    effective: str
    text: str


class Threshold(Record, frozen=True):
    """The threshold of one behaviour, in nats, and who answers for it."""

    behaviour: str
    nats: Nats
    since: str
    """First day in force, in UTC."""
    author: str
    approver: str
    reason: str

    @property
    def begins(self) -> float:
        """Return the first second in force."""
        return datetime.fromisoformat(self.since).replace(tzinfo=UTC).timestamp()


class Permission(Record, frozen=True):
    """An allow-listed party: scored, and alerts are muted until `expires`."""

    kind: str
    party: str
    owner: str
    reason: str
    expires: Seconds
    """The end of that day in UTC."""


class Decision(Record, frozen=True):
    """Who took what out of a case, or put it in, when and why. verdict: one of those of a label on a link or a member."""

    time: Seconds
    author: str
    note: str
    entity_id: str
    verdict: str = SPLIT


class Example(Record, frozen=True):
    """The member that stands out most by itself."""

    account: str
    features: list[FeaturePart]


class TriageCounts(Record, frozen=True):
    """How many labels there are."""

    distilling: int
    other: int


class Opinion(Record, frozen=True):
    """The probability that an analyst would say "distilling", None while there are too few labels."""

    distilling: float | None
    labels: TriageCounts


class Version(Record, frozen=True):
    """One version of a case in its audit chain: its figures, the digest of its payload, and the chained hash."""

    version: UInt64
    updated_at: Seconds
    state: str
    accounts: UInt32
    requests: float
    extraction: Nats = 0.0
    routing: Nats = 0.0
    content: str = ""
    hash: str = ""


class AlertPayload(Record, frozen=True, kw_only=True):
    """What explains an alert."""

    summary: str = ""
    score: Score = msgspec.field(default_factory=Score)
    families: dict[str, float] = msgspec.field(default_factory=dict)
    """Nats by family, of a group the mean of its suspect accounts. What counts of them is in `score`."""
    features: list[FeaturePart] = msgspec.field(default_factory=list)
    counter_evidence: list[Hypothesis] = msgspec.field(default_factory=list)
    atlas: list[str] = msgspec.field(default_factory=list)
    """MITRE ATLAS techniques and case studies."""
    rules: list[HeldRule] = msgspec.field(default_factory=list)
    """Which rules of extraction held, that of most accounts first; empty for routing, and in records of before 0.3."""


class CasePayload(AlertPayload, frozen=True, kw_only=True):
    """The whole case file. A field that an older row does not have takes its default."""

    tier: Tier = "alert"
    entities: list[ScoredEntity] = msgspec.field(default_factory=list)
    links: list[Link] = msgspec.field(default_factory=list)
    links_left_out: UInt32 = 0
    """Links before those listed: a record has the newest 500."""
    merges: list[Merge] = msgspec.field(default_factory=list)
    near: list[Near] = msgspec.field(default_factory=list)
    apart: list[str] = msgspec.field(default_factory=list)
    merged_into: str | None = None
    earlier: str | None = None
    members: dict[str, CaseMember] = msgspec.field(default_factory=dict)
    members_left_out: int = 0
    owners: dict[str, CaseMember] = msgspec.field(default_factory=dict)
    """Accounts that were handed over: others may use their key. Their owners are to be warned; no step may name them."""
    owners_left_out: UInt32 = 0
    users_not_listed: int = 0
    leak: Leak = Leak(0.0, 0.0, 0.0, 0.0, "")
    if_wrong: str = ""
    ladder: ResponseStep = msgspec.field(default_factory=lambda: ResponseStep("", "", "", [], ""))
    next_step: str = ""
    withdrawn: str = ""
    """Why an alert of it was withdrawn, as a sentence; empty where none was since the newest alert."""
    terms: list[Term] = msgspec.field(default_factory=list)
    threshold: Threshold = Threshold("", 0.0, "", "", "", "")
    permission: Permission | None = None
    label: Label | None = None
    hold: Label | None = None
    """The legal hold: the case is kept whole, whoever asks for erasure."""
    decided: list[Decision] = msgspec.field(default_factory=list)
    excluded: list[str] = msgspec.field(default_factory=list)
    """Accounts that a person took out for good."""
    example: Example | None = None
    triage: Opinion = Opinion(None, TriageCounts(0, 0))
    history: list[Version] = msgspec.field(default_factory=list)
    signature: str = ""
    """Of the whole history, Ed25519 as hex."""
    gone: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Of a record that lists changes: the names that each list no longer has."""
    lists_sha256: str = ""
    """Digest of all that the lists have (`streams.schema.case_changes`); empty in records of before 0.3, whose own digest covers them."""


class Alert(Record, frozen=True):
    """One step in the life of an alert."""

    alert_id: str
    """`behaviour:kind:id`."""
    time: Seconds
    state: AlertStep
    behaviour: Behaviour
    entity_kind: str
    entity_id: str
    case_id: str
    evidence: Nats
    false_alerts_per_day: float
    """Expected at this evidence, of 10,000 ordinary entities; while that is not calibrated, nats are read as log-odds (see `score`)."""
    summary: str
    payload: AlertPayload


class Case(Record, frozen=True):
    """One version of a case."""

    case_id: str
    version: UInt64
    opened_at: Seconds
    updated_at: Seconds
    state: CaseStep
    behaviour: Behaviour
    title: str
    accounts: UInt32
    requests: float
    output_tokens: float
    extraction: Nats
    routing: Nats
    muted: bool
    """A permitted party: scored, and no alert is sent."""
    payload: CasePayload
    whole_version: UInt64 = 0
    """The newest version whose record lists all members, links and history. Those since list what changed; 0: this one is whole."""

    @property
    def is_whole(self) -> bool:
        """Whether the lists have everything, and not what changed alone."""
        return self.whole_version in (0, self.version)


class AlertState(msgspec.Struct):
    """What the stage keeps of an alert."""

    state: Literal["open", "update", "resolved", "dismissed"]
    opened_at: float
    time: float
    muted: bool
    case_id: str
    evidence: float
    size: int
    """Members over the threshold."""
    requests: float
    families: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Nats by family then."""
    tier: Tier = "alert"
    scored: str = ""
    """Whose score its newest record has: the entity, or a member (`account:id`); empty without a record."""

    @property
    def silent(self) -> bool:
        """Say whether it is published in its case only: of permitted parties, and where the evidence is enough for a question alone."""
        return self.muted or self.tier == "ask"

    @property
    def alive(self) -> bool:
        """Say whether the alert is neither resolved nor dismissed."""
        return self.state in ("open", "update")


class CaseState(msgspec.Struct):
    """What the stage keeps of a case. Nothing of a merge is lost: the other case stays on record as `merged`."""

    case_id: str
    opened_at: float
    updated_at: float
    behaviour: Behaviour
    version: int = 0
    state: Literal["open", "merged", "resolved"] = "open"
    links: list[Link] = msgspec.field(default_factory=list)
    merges: list[Merge] = msgspec.field(default_factory=list)
    members: dict[str, CaseMember] = msgspec.field(default_factory=dict)
    owners: dict[str, CaseMember] = msgspec.field(default_factory=dict)
    """Accounts that were handed over: they are never among the members."""
    apart: list[str] = msgspec.field(default_factory=list)
    """Cases that a person split from this one: they are never merged again."""
    near: list[Near] = msgspec.field(default_factory=list)
    merged_into: str | None = None
    earlier: str | None = None
    """The resolved case that the first alert belonged to before."""
    muted: bool = False
    tier: Tier = "alert"
    label: Label | None = None
    hold: Label | None = None
    decided: list[Decision] = msgspec.field(default_factory=list)
    excluded: list[str] = msgspec.field(default_factory=list)
    """Accounts that a person took out for good."""
    withdrawn: str = ""
    """Why the newest of its alerts that was withdrawn was, as a sentence."""
    history: list[Version] = msgspec.field(default_factory=list)
    published_rows: int = 0
    """Its `rows` in its newest version."""
    whole_version: int = 0
    """The newest version that was written whole."""
    named: list[str] = msgspec.field(default_factory=list)
    """Accounts that it does not have, and that this version or one since names."""
    waits: bool = False
    """Whether it changed since its newest version, and too little for another."""

    @property
    def rows(self) -> int:
        """Return what a version lists: members, owners and links. Its size is in proportion."""
        return len(self.members) + len(self.owners) + len(self.links)

    @property
    def keys(self) -> list[str]:
        """Return the keys (`kind:id`) of its entities."""
        return [AlertName.parse(link.entity).key for link in self.links]

    def leave(self, account: str) -> None:
        """Note that an account has no evidence any more: an owner is removed, a member stays listed."""
        member = self.members.get(account)
        if member is None:
            self.remove(account)
        elif member.left_at is None:
            self.members[account] = msgspec.structs.replace(member, left_at=self.updated_at)

    def remove(self, account: str) -> None:
        """Remove an account from members and owners."""
        if self.members.pop(account, None) or self.owners.pop(account, None):
            self.named.append(account)
