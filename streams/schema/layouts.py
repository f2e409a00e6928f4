"""The layouts of blocks: which columns travel between stages, declared once, with name, version and each column's kind.

A new column needs no new version, in either direction: see `streams.schema.blocks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, get_type_hints

from models.evidence.calibration import VOTE_BINS
from models.evidence.families import FAMILIES
from models.evidence.links import CASE_LINKS, JOINING, LINKS, MIN_PAYERS, rarity_of
from streams.schema.arrow_columns import Kind
from streams.schema.blocks import Block, Layout, decode_part
from streams.schema.event import FIELDS, REQUIRED, EventField
from streams.schema.layout_check import Growing
from streams.schema.prompt_sketch import FLAGS, PARTS, PROMPT_TOPICS

BY_FAMILY: Final = Growing(len(FAMILIES))


_KINDS: Final = f"({'|'.join(JOINING)})"
_HASH: Final = "[0-9a-f]{16}"
_WORDS: Final = "[a-z][a-z -]{0,63}"

_KIND_OF_FIELD: Final[Mapping[str, Kind]] = {
    "text": "text",
    "names": "text",
    "first": "text",
    "number": "number",
    "flag": "number",
    "set": "number",
    "time": "time",
    "pseudonym": "hash",
    "network": "hash",  # the address itself stays in collect, only its network travels, keyed
}
"""How a field of the event lies in a block. Prompts are missing here: of them only the sketch travels."""


def _request_columns(fields: Iterable[EventField]) -> Iterator[tuple[str, Kind]]:
    for field in fields:
        if field.wire == "tls.client.ja4":
            yield "router", "hash"  # the fingerprint stands before what it is made of
        if field.kind in _KIND_OF_FIELD:
            yield field.column, _KIND_OF_FIELD[field.kind]
    for part, kind in PARTS.items():
        yield part, "number" if kind == "flag" else kind


REQUESTS = Layout(
    "requests",
    1,
    dict(_request_columns(FIELDS)),
    required=[field.column for field in FIELDS if field.wire in REQUIRED],
    limits={field.column: (0.0, field.high) for field in FIELDS if field.kind == "number"}
    | {field.column: (0.0, 1.0) for field in FIELDS if field.kind in {"flag", "set"}}
    | dict.fromkeys(FLAGS, (0.0, 1.0))
    | {"topic": (0.0, PROMPT_TOPICS - 1.0)},
)
"""One normalised event a row, without any prompt text, in time order, all of one partition."""


REQUEST_KEYS = Layout(
    REQUESTS.name, REQUESTS.version, {name: REQUESTS.columns[name] for name in ("time", "event_id", "account_id")}, required=()
)
"""What tells one event from another, of a block of requests."""


SCORES = Layout(
    "scores",
    1,
    {
        "time": "time",
        "entity_kind": "text",
        "entity_id": "text",
        "requests": "number",
        "extraction": "number",
        "routing": "number",
        "families": "vector",
        "features": "vector",
        "nats": "vector",
    },
    required=("time", "entity_kind", "entity_id", "requests", "extraction", "routing"),
    widths={"families": "families", "features": "features", "nats": "features"},
)
"""One scored entity a row: evidence in nats by family, feature values, and each feature's share of the evidence.

All rows of a block have one set of names: `names("families")`, and `names("features")` for both features and nats.
"""

GROUPS = Layout(
    "groups",
    6,
    {
        "time": "time",
        "group_id": "text",
        "account_id": "text",
        # which request block this row came from: a member skips what it has counted already
        "source": "number",
        "offset": "offset",
        # about how many accounts there are in all
        "population": "number",
        # since this account's last row for this group
        "requests": "number",
        "begun": "number",
        "jobs": "number",
        "output_tokens": "number",
        # what holds now; work of the account in all, for any group, since its first request
        "account_first": "time",
        "account_begun": "number",
        "account_jobs": "number",
        "created": "time",
        "router_since": "time",
        "age_rank": "number",
        **dict.fromkeys(LINKS, "hash"),
        # the stack that it shows instead of its router's, and how many of its partition's accounts have that for their own
        "router_next": "hash",
        "next_accounts": "number",
        "template_share": "number",
        "job_share": "number",
        "harvest_share": "number",
        **dict.fromkeys(map(rarity_of, MIN_PAYERS), "number"),
        "single_turn": "number",
        "fills": "shingles",
        "own": "vector",
        "raw": "vector",
    },
    required=("time", "group_id", "account_id", "source", "offset", "population", "requests", "begun", "jobs", "output_tokens"),
    widths={"own": BY_FAMILY, "raw": BY_FAMILY},
    words={"group_id": f"{_KINDS}:{_HASH}"},
)
"""One account in one of its groups a row; `own` and `raw` are its evidence by family, in the order of
`models.evidence.families.FAMILIES`."""
GROUP_ROW_NAMES: Final = {
    "work_items": "begun",
    "harvest_items": "jobs",
    "account_work_items": "account_begun",
    "account_harvest_items": "account_jobs",
    "prompt_sample": "fills",
    "evidence_shrunk": "own",
    "evidence_raw": "raw",
}
"""Columns of GROUPS by what the state calls them, where that differs: the layout's names travel, and stay."""

EVIDENCE = Layout(
    "evidence",
    3,
    {
        "time": "time",
        "entity_kind": "text",
        "entity_id": "text",
        # the member that this row is about, null for the entity itself
        "account_id": "text",
        "accounts": "number",
        "common": "number",
        # about how many accounts there are in all
        "population": "number",
        "requests": "number",
        "output_tokens": "number",
        "first": "time",
        "extraction": "number",
        # the first of the rules of extraction that held, null where none did
        "rule": "text",
        # why the account is a question at most, null where nothing limits `extraction`
        "question": "text",
        "routing": "number",
        # 1: the account was handed over, so its key may be used by others than its owner
        "handed_over": "number",
        # of 10,000 ordinary entities, how many a day are expected to show as much; unknown until calibration has seen enough
        "false_alerts": "number",
        "families": "vector",
        # what each family adds to `extraction` where a trained model judged; unknown where the families are added up
        "counted": "vector",
        "features": "vector",
        "nats": "vector",
        "usual_low": "vector",
        "usual_high": "vector",
        # what it can be linked by
        **dict.fromkeys(CASE_LINKS, "hash"),
    },
    required=("time", "entity_kind", "entity_id", "accounts", "common", "requests", "output_tokens", "first", "extraction", "routing"),
    widths={
        "families": BY_FAMILY,
        "counted": BY_FAMILY,
        "features": "features",
        "nats": "features",
        "usual_low": "features",
        "usual_high": "features",
    },
    limits={"handed_over": (0.0, 1.0)},
    words={"entity_kind": f"account|{_KINDS}", "rule": _WORDS, "question": _WORDS},
)
"""An entity, or a member of one, above the evidence floor a row. Rows are states, not changes: the newest is the truth."""

_KIND_OF_TYPE: Final[Mapping[Any, Kind]] = {str | None: "text", int: "hash", float: "time"}


class FeedbackRow(NamedTuple):
    """A row of `feedback`: one of the three messages of the groups to the accounts' partitions."""

    account_id: str | None = None
    """This account is suspect until `until`: it has no vote on what is ordinary."""
    template: int = 0
    """Accounts of several partitions share this template, though each partition may see only one. With `until` it is public by then: so
    many unrelated accounts have it that it links none of them, and the next most frequent piece of their prompts may. Sent to every
    partition."""
    router: int = 0
    upgrade: int = 0
    """What shows this fingerprint is `router`, as of `until`. Sent to every partition."""
    until: float = math.nan
    """Seconds since 1970."""


FEEDBACK = Layout("feedback", 1, {name: _KIND_OF_TYPE[kind] for name, kind in get_type_hints(FeedbackRow).items()}, required=())
"""One `FeedbackRow` a row."""

TALLIES = Layout(
    "tallies",
    1,
    {"time": "time", "source": "number", "histogram": "text", "votes": "vector"},
    required=("time", "source", "histogram"),
    widths={"votes": VOTE_BINS},
)
"""What a partition of accounts tells the others, on the same topic: how its accounts vote on what is ordinary, a histogram a row."""

ERASURES = Layout(
    "erasures",
    1,
    {"request": "text", "account_id": "text", "time": "time", "source": "number"},
    required=("request", "account_id", "time", "source"),
    limits={"source": (-1, 4096)},
)
"""Accounts to erase, one a row, on the topics between the stages, so that no row of an account comes after its erasure:
`feedback` (accounts) -> `groups` (every partition) -> `evidence` (cases).

`request` names the erasure in reports, requests up to `time` are not counted again, and `source` is the partition of the sender, -1 for
the command.
"""

SHADOW = Layout(
    "shadow",
    1,
    {"time": "time", "entity_kind": "text", "entity_id": "text", "detector": "text", "score": "number"},
    required=("time", "entity_kind", "entity_id", "detector", "score"),
)
"""What detectors on trial would have said. It has a topic and a table of its own, so that no query takes it for an alert."""


def decode_keys(data: bytes) -> Block:
    """Read the columns of REQUEST_KEYS, alone where that costs less. Raises BlockLayoutError as `decode` does."""
    return decode_part(data, REQUESTS, REQUEST_KEYS)
