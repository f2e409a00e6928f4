"""The history of a case as a keyed chain with a signed head: whoever reads the last version sees if any was changed, dropped or made up.

Each entry holds a digest of its version and a code (HMAC-SHA256) over itself and the code before, under a key that workers alone hold; over
all entries goes an Ed25519 signature (RFC 8032), which anybody with the public key can check. Who can write to ClickHouse but has no key
can forge neither. What they can do is delete the newest rows: the case is then an earlier one that was true once.

A case has as many versions as news, and each carries the history: of the older half of `MAX_ENTRIES` one entry a stretch of time stays when
there are more, so a record does not grow with the age of its case. The first and the newest always stay.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from streams.core.errors import SettingsError
from streams.core.keyring import derived, role_keys
from streams.core.settings import Settings
from streams.schema.case_changes import BESIDE, LISTS
from streams.schema.cases import Case, Version

Json = Mapping[str, Any]
"""What was stored, as it was stored: a digest is taken of all of it, also of fields that this version does not know."""

MAX_ENTRIES: Final = 64
"""Versions that a history lists: 12 KB."""
_LISTED: Final = frozenset({*BESIDE, *LISTS, "gone"})
"""What a digest of a payload leaves out where `lists_sha256` is there for its lists."""


class HistoryKey:
    """What signs histories: derived from the workers' key. Without a secret, as in a replay, histories are chained and not signed."""

    def __init__(self, secret: bytes = b"") -> None:
        """Derive both keys from the workers' key."""
        self._chain = derived(secret, "history chain") if secret else b""
        self._head = Ed25519PrivateKey.from_private_bytes(derived(secret, "history head")) if secret else None

    @property
    def public(self) -> str:
        """The key that checks signatures, as hex; empty without a secret."""
        return self._head.public_key().public_bytes_raw().hex() if self._head else ""

    def extended(self, entries: Sequence[Version], case: Case) -> list[Version]:
        """Return the history with a new version of the case: its figures, a digest of the rest, and the code that chains it.

        case: A payload that has `lists_sha256` need not have its lists.
        """
        figures = (case.version, case.updated_at, case.state, case.accounts, case.requests, case.extraction, case.routing)
        entry = Version(*figures, content=content(case, orjson.loads(case.payload.encode())))
        return thinned([*entries, self._chained(case.case_id, entries[-1].hash if entries else "", entry)])

    def rechained(self, case_id: str, entries: Sequence[Version]) -> list[Version]:
        """Return the same history under this key: what a worker's own sealed state holds is true, whatever the key before was."""
        chained: list[Version] = []
        for entry in entries:
            chained.append(self._chained(case_id, chained[-1].hash if chained else "", entry))
        return chained

    def signature(self, case_id: str, entries: Sequence[Version]) -> str:
        """Return the signature of a whole history as hex, empty without a secret."""
        return self._head.sign(_head(case_id, msgspec.to_builtins(entries))).hex() if self._head else ""

    def breaks(self, case_id: str, entries: Sequence[Json]) -> int | None:
        """Return the first version that does not follow from the one before under this key, None when all do.

        Where a long history lists not every version, an entry whose predecessor is missing is not looked at: the signature covers it.
        """
        previous, version = "", 0
        is_whole = int(entries[-1]["version"]) == len(entries)
        for entry in entries:
            follows = is_whole or int(entry["version"]) == version + 1
            if follows and not hmac.compare_digest(str(entry["hash"]), _link(self._chain, case_id, previous, entry)):
                return int(entry["version"])
            previous, version = entry["hash"], int(entry["version"])
        return None

    def _chained(self, case_id: str, previous: str, entry: Version) -> Version:
        return msgspec.structs.replace(entry, hash=_link(self._chain, case_id, previous, msgspec.to_builtins(entry)))


class HistoryCheck:
    """What checks stored histories: with the workers' keys, or with public keys alone, which cannot say *which* version was changed."""

    def __init__(self, publics: Sequence[str], keys: Sequence[HistoryKey] = ()) -> None:
        """Believe these public keys (hex), and look for the changed version with `keys`. Raises ValueError when one is no Ed25519 key."""
        self._publics = [Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)) for public in publics]
        self._keys = list(keys)

    @classmethod
    def of(cls, settings: Settings) -> HistoryCheck:
        """Return what checks with the settings' public keys, else with the workers' keys. Raises SettingsError without either."""
        if settings.history_public_key:
            try:
                return cls(settings.history_public_key.split(","))
            except ValueError:
                raise SettingsError("HYDROMETER_HISTORY_PUBLIC_KEY is not 64 hex digits: `hydrometer keys history` prints it") from None
        keys = [HistoryKey(secret) for secret in role_keys(settings, "worker")]
        return cls([key.public for key in keys], keys)

    def fault(self, case_id: str, payload: Json) -> str | None:
        """Return what is wrong with the history in a stored payload, as the end of a sentence; None when its signature holds."""
        entries, signature = payload.get("history") or [], str(payload.get("signature") or "")
        if not entries or not signature:
            return "its history carries no signature: it was stored before histories were signed, or by another than our workers"
        if self._signed(case_id, entries, signature):
            return None
        broken = [key.breaks(case_id, entries) for key in self._keys]
        if self._keys and None not in broken:  # of the key that fits longest
            return f"version {max(filter(None, broken))} does not follow from the one before: it was changed after it was stored"
        return "the signature of its history does not hold: it was changed after it was stored, or is of another case or key"

    def _signed(self, case_id: str, entries: Sequence[Json], signature: str) -> bool:
        for public in self._publics:
            try:
                public.verify(bytes.fromhex(signature), _head(case_id, entries))
            except (InvalidSignature, ValueError):
                continue
            return True
        return False


def thinned(entries: list[Version]) -> list[Version]:
    """Return a history of at most MAX_ENTRIES: of the older half one version a stretch of time, so that growth can be drawn.

    >>> long = [Version(number, 60.0 * number, "open", 3, 10.0) for number in range(1, MAX_ENTRIES + 2)]
    >>> [entry.version for entry in thinned(long)][:3], len(thinned(long)), thinned(long)[-1].version
    ([1, 3, 5], 49, 65)
    """
    if len(entries) <= MAX_ENTRIES:
        return entries
    older, stretches = entries[: MAX_ENTRIES // 2], MAX_ENTRIES // 4
    began, span = older[0].updated_at, (older[-1].updated_at - older[0].updated_at) or 1.0
    first_of: dict[int, Version] = {}
    for entry in older:
        first_of.setdefault(min(int((entry.updated_at - began) / span * stretches), stretches - 1), entry)
    return [*first_of.values(), *entries[len(older) :]]


def content(case: Any, payload: Json) -> str:
    """Return the digest of what a version says beside the figures of its entry: of columns, and of its payload but for the history.

    Of the lists, whatever of them the record has, it covers their own digest; records of before 0.3 have none, and it covers all they list.

    case: A `Case`, or anything with its fields as ClickHouse returns them.
    """
    opened = case.opened_at if isinstance(case.opened_at, int | float) else case.opened_at.timestamp()
    columns = (case.case_id, case.behaviour, case.title, bool(case.muted), round(opened * 1000), float(case.output_tokens))
    return sha256(orjson.dumps(columns) + _sorted(payload, without=_LISTED if payload.get("lists_sha256") else BESIDE)).hexdigest()


def _link(key: bytes, case_id: str, previous: str, entry: Json) -> str:
    return hmac.digest(key, orjson.dumps([case_id, previous]) + _sorted(entry, without=frozenset({"hash"})), "sha256").hex()


def _head(case_id: str, entries: Sequence[Json]) -> bytes:
    return orjson.dumps(["hydrometer history", case_id, entries], option=orjson.OPT_SORT_KEYS)


def _sorted(value: Json, without: frozenset[str]) -> bytes:
    return orjson.dumps({name: part for name, part in value.items() if name not in without}, option=orjson.OPT_SORT_KEYS)
