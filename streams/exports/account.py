"""Everything that is stored about one account, as one readable JSON document, written row by row.

Of a case only the account's own part is given: the other members are other people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from streams.clickhouse.account_rows import AccountRows
from streams.clickhouse.client import ClickHouse
from streams.features.registry import by_name

NEWEST_SCORE: Final = (
    "SELECT time, features, nats FROM scores FINAL WHERE entity_kind = 'account' AND entity_id = %(account)s ORDER BY time DESC LIMIT 1"
)
_OWN_PARTS: Final = ("summary", "hold", "label")
"""What a case's payload says beside its members."""


@dataclass(frozen=True)
class Measured:
    """The newest value of a feature, what it means, and its part in the evidence in nats."""

    feature: str
    means: str
    unit: str
    value: float
    nats: float | None
    time: datetime


def document(clickhouse: ClickHouse, account: str, at: datetime) -> Iterator[bytes]:
    """Yield the document about an account, piece by piece, as JSON.

    Args:
        clickhouse: Client of a user that may read every table.
        account: Id of the account.
        at: When it is exported.

    Raises:
        StoreUnavailableError: If ClickHouse does not answer.
    """
    yield b'{\n"account": ' + _json(account) + b',\n"exported_at": ' + _json(at.isoformat(timespec="seconds"))
    yield b',\n"features": ' + _json(features(clickhouse, account)) + b',\n"tables": {'
    rows = AccountRows(clickhouse, account)
    for number, table in enumerate(rows.tables):
        yield (b",\n" if number else b"\n") + _json(table.name) + b": ["
        for place, row in enumerate(rows.rows(table)):
            yield (b",\n  " if place else b"\n  ") + _json(own_part(row, account))
        yield b"\n]"
    yield b"\n}\n}\n"


def features(clickhouse: ClickHouse, account: str) -> list[Measured]:
    """Return the account's newest measured behaviour: each feature's value with its label, unit and part in the evidence (nats).

    Raises:
        StoreUnavailableError: If ClickHouse does not answer.
    """
    known = by_name()
    return [
        Measured(
            feature=name,
            means=known[name].label if name in known else "",
            unit=known[name].unit.name if name in known else "",
            value=value,
            nats=nats.get(name),
            time=time,
        )
        for time, values, nats in clickhouse.query(NEWEST_SCORE, {"account": account})
        for name, value in values.items()
    ]


def own_part(row: Mapping[str, object], account: str) -> dict[str, object]:
    """Return a row, and of the payload of a case only what is about the account itself."""
    if "payload" not in row:
        return dict(row)
    payload = orjson.loads(str(row["payload"]))
    if not payload.keys().isdisjoint(("members", "lists_sha256")):  # since 0.3 the member is a row of `case_items`
        example = payload.get("example") or {}
        payload = {
            **{name: payload[name] for name in _OWN_PARTS if payload.get(name)},
            "member": payload.get("members", {}).get(account),
            "owner": payload.get("owners", {}).get(account),
            "example": example if example.get("account") == account else None,
        }
    return {**row, "payload": payload}


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z)
