"""What a replay writes: a record for each row of its files. The columns of the Parquet files follow from the fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, get_type_hints

import msgspec
import pyarrow as pa

from streams.schema.record import Nats, Record, Seconds

Float32 = Annotated[float, msgspec.Meta(extra={"bits": 32})]
_MOMENT: Final[pa.DataType] = pa.timestamp("ms", tz="UTC")


class AccountRow(msgspec.Struct):
    """An account, with the highest evidence it had over the run."""

    account_id: str
    first_seen: Seconds
    last_seen: Seconds
    requests: int
    extraction: Nats
    """Its own evidence, or that of the group in which it had most."""
    routing: Nats
    alerted: bool = False
    """Whether it was a member of an extraction case that was not muted, and more than a question."""
    asked: bool = False
    """Whether it was a member of a case that is a question to its owner."""
    warned: bool = False
    """Whether its owner is to be warned: others may use its key, and it is a member of no case for that."""
    first_alert_at: Seconds | None = None
    case_id: str | None = None


class RouterRow(Record, frozen=True):
    """A router fingerprint and the accounts behind it."""

    router_id: str
    accounts: int
    requests: int
    public: bool
    """Whether many ordinary accounts have it: it is then ignored as a link."""
    extraction: Nats
    routing: Nats
    alerted: bool
    first_alert_at: Seconds | None
    """Of extraction."""


class ScoreRow(Record, frozen=True):
    """A row of `scores`, as ClickHouse would have it; what is unknown is left out of the maps."""

    time: Seconds
    entity_kind: str
    entity_id: str
    requests: float
    extraction: Float32
    """In nats."""
    routing: Float32
    families: dict[str, Float32]
    """Nats by family."""
    features: dict[str, Float32]
    """Value by feature."""
    nats: dict[str, Float32]
    """Nats by feature."""


class AlertRow(Record, frozen=True):
    """A step in the life of an alert."""

    alert_id: str
    time: Seconds
    state: str
    """open, update or resolved."""
    behaviour: str
    entity_kind: str
    entity_id: str
    case_id: str
    evidence: Nats
    severity: str
    summary: str


class ReplayedCase(Record, frozen=True):
    """The newest version of a case."""

    case_id: str
    version: int
    opened_at: Seconds
    updated_at: Seconds
    state: str
    """open or resolved."""
    merged_into: str | None
    behaviour: str
    tier: str
    """alert, or ask: a question to the account holder."""
    severity: str
    title: str
    rule: str | None
    """The rule of extraction that held for most accounts."""
    accounts: int
    requests: float
    output_tokens: float
    requests_before_alert: float | None
    """Of the members before each joined; null for a channel, whose accounts are not listed."""
    extraction: Nats
    routing: Nats
    families: dict[str, float]
    """Nats by family, the mean of the suspect accounts."""
    step: str
    """The response step to consider first."""
    muted: bool
    withdrawn: bool
    """Whether an alert of it was withdrawn since the newest one."""


class CaseVersionRow(Record, frozen=True):
    """A version of a case, in order: how it came to the newest."""

    case_id: str
    version: int
    updated_at: Seconds
    state: str
    tier: str
    severity: str
    accounts: int
    requests: float
    extraction: Nats
    routing: Nats


class CaseMemberRow(Record, frozen=True):
    """An account of a case, in its newest version."""

    case_id: str
    account_id: str
    part: str
    """`member`, or `owner`: others may use its key, and no step may name it."""
    joined_at: Seconds
    left_at: Seconds | None
    requests: float
    output_tokens: float
    extraction: Nats
    routing: Nats | None


class RefusedLine(Record, frozen=True):
    """A refused line without its text."""

    reason: str
    detail: str
    source: str
    position: str
    blanked: str
    """Its shape: names that formats know, numbers of measures, no text."""


class Summary(Record, frozen=True):
    """The figures of a run; all but the speed are the same for the same input."""

    events: int
    rejected: dict[str, int]
    """Lines by reason."""
    accounts: int
    groups: int
    cases: int
    """Open at the end."""
    state_bytes_per_account: int
    events_per_second: int = 0
    formats: dict[str, int] = msgspec.field(default_factory=dict)
    """Entries of the log by the format that they were read as."""


class FieldCoverage(Record, frozen=True):
    """One optional field of a log."""

    field: str
    share: float
    """Of events where it is known, 0..1."""
    constant: bool
    """Whether all of those hold one value."""
    blinds: list[str]
    """Features that are unknown without it when all else is there, and kinds of groups that cannot form."""


class FamilyCoverage(Record, frozen=True):
    """How many features of a family can have a value, of how many."""

    seen: int
    features: int


class CoverageReport(Record, frozen=True):
    """What a log lacks, and what is blind without it."""

    events: int
    fields: list[FieldCoverage]
    blind: list[str]
    """Features that are unknown, and kinds of groups that cannot form."""
    families: dict[str, FamilyCoverage]


FILES: Final[dict[str, type[msgspec.Struct]]] = {
    "accounts.parquet": AccountRow,
    "routers.parquet": RouterRow,
    "scores.parquet": ScoreRow,
    "alerts.parquet": AlertRow,
    "cases.parquet": ReplayedCase,
    "case_versions.parquet": CaseVersionRow,
    "case_members.parquet": CaseMemberRow,
    "rejected.jsonl": RefusedLine,
    "summary.json": Summary,
    "coverage.json": CoverageReport,
}
"""Beside `alerts.jsonl` and `cases.jsonl`, which have the records of these topics. `case_id` and `account_id` join the tables."""


def parquet_schema(row: type[msgspec.Struct]) -> pa.Schema:
    """Return the columns of a record's Parquet file, in the order of its fields."""
    hints = get_type_hints(row, include_extras=True)
    return pa.schema([(name, _arrow(msgspec.inspect.type_info(hints[name]))) for name in row.__struct_fields__])


def parquet_table(rows: Sequence[msgspec.Struct], row: type[msgspec.Struct]) -> pa.Table:
    """Return records as a table. Moments are rounded to milliseconds."""
    schema = parquet_schema(row)
    columns: list[list[Any]] = [[getattr(record, name) for record in rows] for name in schema.names]
    for column, kind in zip(columns, schema.types, strict=True):
        if kind == _MOMENT:
            column[:] = [None if value is None else round(value * 1000) for value in column]
        elif pa.types.is_map(kind):
            column[:] = [list(value.items()) for value in column]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema)


_PLAIN: Final[dict[type[msgspec.inspect.Type], pa.DataType]] = {
    msgspec.inspect.FloatType: pa.float64(),
    msgspec.inspect.IntType: pa.int64(),
    msgspec.inspect.BoolType: pa.bool_(),
    msgspec.inspect.StrType: pa.string(),
}


def _arrow(kind: msgspec.inspect.Type) -> pa.DataType:
    extra = {}
    if isinstance(kind, msgspec.inspect.Metadata):
        extra, kind = kind.extra or {}, kind.type
    match kind:
        case msgspec.inspect.UnionType():
            return _arrow(next(part for part in kind.types if not isinstance(part, msgspec.inspect.NoneType)))
        case msgspec.inspect.DictType():
            return pa.map_(pa.string(), _arrow(kind.value_type))
        case msgspec.inspect.FloatType() if extra:
            return _MOMENT if extra.get("moment") else pa.float32() if extra.get("bits") else pa.float64()
    return _PLAIN[type(kind)]
