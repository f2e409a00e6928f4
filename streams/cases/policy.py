"""What people decided, beside the code: permitted parties, terms, and the bars that make an alert.

Permitted parties (HYDROMETER_PERMITTED_PARTIES) are scored but muted until their permission expires:

    [[party]]
    account = "acct-1"            # or organization, or router
    owner = "partnerships"
    reason = "evaluation partner, contract 17"
    expires = 2027-01-01

Terms and thresholds are in `policy.toml` beside this module, or where HYDROMETER_POLICY says.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from streams.core.errors import SettingsError
from streams.features.events import hash_word
from streams.schema.cases import Permission, Term, Threshold

DEFAULT: Final = Path(__file__).with_name("policy.toml")
KINDS: Final = ("account", "organization", "router")
_ROUTER: Final = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Policy:
    """Permissions by (kind, party), clauses, and every threshold, the newest last."""

    permissions: Mapping[tuple[str, str], Permission]
    clauses: tuple[Mapping[str, Any], ...]
    thresholds: tuple[Threshold, ...]

    @classmethod
    def load(cls, permitted: Path | None = None, policy: Path | None = None) -> Policy:
        """Read both files. Raises SettingsError in one line: which file, which entry, what it lacks."""
        path = policy or DEFAULT
        found = _toml(path)
        thresholds = sorted((_threshold(entry, path) for entry in found.get("threshold", [])), key=lambda entry: entry.since)
        missing = [behaviour for behaviour in ("extraction", "routing") if behaviour not in {entry.behaviour for entry in thresholds}]
        if missing:
            raise SettingsError(f"{path}: no [[threshold]] for {missing[0]}: add one with behaviour, nats, since, author, approver, reason")
        clauses = tuple(_with(entry, (*Term.__struct_fields__, "behaviours"), path, "clause") for entry in found.get("clause", []))
        parties = [_permission(entry, permitted) for entry in _toml(permitted).get("party", [])] if permitted else []
        return cls({(each.kind, each.party): each for each in parties}, clauses, tuple(thresholds))

    def permission(self, account: str, organization: str, router: str, at: float) -> Permission | None:
        """Return the permission of an account in force at a time, if any: its own, its organisation's or its router's.

        organization and router: 16 hex digits of their hashes, as evidence carries them. at: seconds since 1970.
        """
        if not self.permissions:
            return None
        for kind, party in (("account", account), ("organization", organization), ("router", router)):
            found = self.permissions.get((kind, party))
            if found and at <= found.expires:
                return found
        return None

    def threshold(self, behaviour: str, at: float) -> Threshold:
        """Return the newest threshold of a behaviour that was in force at a time (seconds since 1970); before the first, the first."""
        known = [each for each in self.thresholds if each.behaviour == behaviour]
        return next((each for each in reversed(known) if each.begins <= at), known[0])

    def bar(self, behaviour: str, at: float = math.inf) -> float:
        """Return the nats from which a behaviour is alerted at a time (seconds since 1970; unset: once every entry is in force)."""
        return self.threshold(behaviour, at).nats

    def terms(self, behaviour: str) -> list[Term]:
        """Return the clauses that a behaviour touches."""
        touched = (clause for clause in self.clauses if behaviour in clause["behaviours"])
        return [Term(*(str(clause[name]) for name in Term.__struct_fields__)) for clause in touched]


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        message = f"{path}: {error.strerror}: write it, or set HYDROMETER_POLICY and HYDROMETER_PERMITTED_PARTIES right"
        raise SettingsError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error


def _with(entry: Any, names: tuple[str, ...], path: Path, what: str) -> Mapping[str, Any]:
    missing = [name for name in names if not isinstance(entry, dict) or name not in entry]
    if missing:
        raise SettingsError(f"{path}: a [[{what}]] lacks {missing[0]}: it has {', '.join(names)}")
    found: Mapping[str, Any] = entry
    return found


def _threshold(entry: Any, path: Path) -> Threshold:
    found = _with(entry, ("behaviour", "nats", "since", "author", "approver", "reason"), path, "threshold")
    nats, since = found["nats"], found["since"]
    if isinstance(nats, bool) or not isinstance(nats, int | float) or not 0 < nats < math.inf or not isinstance(since, date):
        raise SettingsError(f"{path}: a [[threshold]] has nats = a number above 0, and since = a date like 2027-01-01")
    people = [str(found[name]).strip().casefold() for name in ("author", "approver")]
    if not all(people):
        raise SettingsError(f"{path}: the threshold of {found['behaviour']} names no author, or no approver")
    if people[0] == people[1]:
        raise SettingsError(
            f"{path}: the threshold of {found['behaviour']} was approved by its author, {found['author']}: ask somebody else"
        )
    return Threshold(
        **{name: found[name] for name in ("behaviour", "author", "approver", "reason")},
        nats=float(nats),
        since=str(since),
    )


def _permission(entry: Any, path: Path) -> Permission:
    found = _with(entry, ("owner", "reason", "expires"), path, "party")
    kinds = [kind for kind in KINDS if kind in found]
    if len(kinds) != 1 or not isinstance(found["expires"], date):
        raise SettingsError(f"{path}: a [[party]] has one of {', '.join(KINDS)}, and expires = a date like 2027-01-01")
    kind, party = kinds[0], str(found[kinds[0]])
    if kind == "router" and not _ROUTER.fullmatch(party):  # it would permit nobody, without a word
        raise SettingsError(f"{path}: {party} is no router: its id is 16 hexadecimal digits, as boards and cases show it")
    known = f"{hash_word(party):016x}" if kind == "organization" else party
    expires = datetime.combine(found["expires"], time.max, UTC).timestamp()
    return Permission(kind, known, str(found["owner"]), str(found["reason"]), expires)
