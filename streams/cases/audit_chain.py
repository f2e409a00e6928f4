"""The history of a case as a hash chain: whoever reads the last version can check that no earlier one was changed or dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

_NOTED = ("version", "updated_at", "state", "accounts", "requests", "extraction", "routing")


def extended(entries: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the history with a new version of the case: what it said in figures, a digest of its payload, and the chained hash."""
    entry = {name: row[name] for name in _NOTED} | {"content": content(row["payload"])}
    previous = entries[-1]["hash"] if entries else ""
    return [*(dict(each) for each in entries), entry | {"hash": _hash(previous, entry)}]


def broken(payload: Mapping[str, Any]) -> int | None:
    """Return the first version of a case's history that does not follow from the one before, None when the chain holds.

    The last entry must also be that of this very payload.
    """
    previous, last = "", None
    for entry in payload["history"]:
        last = entry
        if entry["hash"] != _hash(previous, {name: value for name, value in entry.items() if name != "hash"}):
            return int(entry["version"])
        previous = entry["hash"]
    if last is not None and last["content"] != content(payload):
        return int(last["version"])
    return None


def content(payload: Mapping[str, Any]) -> str:
    """Return the digest of a payload, its history aside."""
    return sha256(_plain({name: value for name, value in payload.items() if name != "history"})).hexdigest()


def _hash(previous: str, entry: Mapping[str, Any]) -> str:
    return sha256(previous.encode() + _plain(entry)).hexdigest()


def _plain(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
