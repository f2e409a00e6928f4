"""The history of a case as a hash chain: the last version proves that no earlier one was changed or dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from streams.schema.cases import Case, Version

Json = Mapping[str, Any]
"""The payload exactly as it was stored: its digest covers every field, also fields that this version does not know."""


def extended(entries: Sequence[Version], case: Case) -> list[Version]:
    """Return the history with a new version of the case: its figures, a digest of its payload, and the chained hash."""
    figures = (case.version, case.updated_at, case.state, case.accounts, case.requests, case.extraction, case.routing)
    entry = Version(*figures, content=content(msgspec.to_builtins(case.payload)))
    previous = entries[-1].hash if entries else ""
    return [*entries, msgspec.structs.replace(entry, hash=_hash(previous, msgspec.to_builtins(entry)))]


def broken(payload: Json) -> int | None:
    """Return the first version in a stored case's history that does not follow from the version before it.

    The digest in the last entry must also match the payload itself.

    Args:
        payload: A case's payload as stored, with its `history`.

    Returns:
        The version's number; None when the chain is intact.
    """
    previous, last = "", None
    for entry in payload["history"]:
        last = entry
        if entry["hash"] != _hash(previous, entry):
            return int(entry["version"])
        previous = entry["hash"]
    if last is not None and last["content"] != content(payload):
        return int(last["version"])
    return None


def content(payload: Json) -> str:
    """Return the SHA-256 digest (hexadecimal) of a payload without its history."""
    return sha256(_sorted(payload, without="history")).hexdigest()


def _hash(previous: str, entry: Json) -> str:
    return sha256(previous.encode() + _sorted(entry, without="hash")).hexdigest()


def _sorted(value: Json, without: str) -> bytes:
    return orjson.dumps({name: part for name, part in value.items() if name != without}, option=orjson.OPT_SORT_KEYS)
