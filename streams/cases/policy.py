"""People's decisions, kept outside the code: permitted parties, terms, and alert thresholds.

Permitted parties (HYDROMETER_PERMITTED_PARTIES) are scored but muted until their permission expires:

    [[party]]
    account = "acct-1"            # or organization, or router
    owner = "partnerships"
    reason = "evaluation partner, contract 17"
    expires = 2027-01-01

Terms and thresholds are in `policy.toml` beside this module, or in the file that HYDROMETER_POLICY names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from models.evidence.weighing import MAX_UNRULED_NATS
from streams.core.errors import SettingsError
from streams.core.toml_file import Toml, read_toml
from streams.core.word_hash import hash_word
from streams.schema.cases import Permission, Term, Threshold
from streams.schema.names import BEHAVIOURS, ROUTER_ID

DEFAULT: Final = Path(__file__).with_name("policy.toml")
PARTY_KINDS: Final = ("account", "organization", "router")
_ADVICE: Final = "create it, or correct HYDROMETER_POLICY and HYDROMETER_PERMITTED_PARTIES"


@dataclass(frozen=True)
class Policy:
    """Permissions by (kind, party), clauses with the behaviours that violate them, and every threshold, newest last."""

    permissions: Mapping[tuple[str, str], Permission]
    clauses: tuple[tuple[Term, frozenset[str]], ...]
    thresholds: tuple[Threshold, ...]

    @classmethod
    def load(cls, permitted: Path | None = None, policy: Path | None = None) -> Policy:
        """Read both files. Raises SettingsError that names the file, the entry and what it lacks."""
        path = policy or DEFAULT
        document = read_toml(path, _ADVICE)
        thresholds = sorted((_threshold(entry, path) for entry in document.get("threshold", [])), key=lambda entry: entry.since)
        missing = [behaviour for behaviour in BEHAVIOURS if behaviour not in {entry.behaviour for entry in thresholds}]
        if missing:
            raise SettingsError(f"{path}: no [[threshold]] for {missing[0]}: add one with behaviour, nats, since, author, approver, reason")
        clauses = tuple(_clause(entry, path) for entry in document.get("clause", []))
        parties = [_permission(entry, permitted) for entry in _parties(permitted)] if permitted else []
        return cls({(party.kind, party.party): party for party in parties}, clauses, tuple(thresholds))

    def permission(self, account: str, organization: str, router: str, at: float) -> Permission | None:
        """Return the permission of an account (its own, its organisation's or its router's) in force at a time, None without one.

        organization and router: 16 hex digits of their hashes, as evidence carries them. at: seconds since 1970.
        """
        if not self.permissions:
            return None
        for kind, party in (("account", account), ("organization", organization), ("router", router)):
            permission = self.permissions.get((kind, party))
            if permission and at <= permission.expires:
                return permission
        return None

    def threshold(self, behaviour: str, at: float) -> Threshold:
        """Return the threshold of a behaviour in force at a time (seconds since 1970); the first one for earlier times."""
        entries = [entry for entry in self.thresholds if entry.behaviour == behaviour]
        return next((entry for entry in reversed(entries) if entry.begins <= at), entries[0])

    def threshold_nats(self, behaviour: str, at: float = math.inf) -> float:
        """Return the threshold of a behaviour in nats at a time (seconds since 1970; unset: once every entry is in force).

        `ask` is that of questions about extraction; infinite where a policy has none.
        """
        if behaviour == "ask" and all(entry.behaviour != "ask" for entry in self.thresholds):
            return math.inf
        return self.threshold(behaviour, at).nats

    def terms(self, behaviour: str) -> list[Term]:
        """Return the clauses of the terms of service that a behaviour violates."""
        return [term for term, behaviours in self.clauses if behaviour in behaviours]


def _clause(entry: Any, path: Path) -> tuple[Term, frozenset[str]]:
    fields = _with(entry, (*Term.__struct_fields__, "behaviours"), path, "clause")
    return Term(*(str(fields[name]) for name in Term.__struct_fields__)), frozenset(fields["behaviours"])


def _with(entry: Any, names: tuple[str, ...], path: Path, what: str) -> Toml:
    missing = [name for name in names if not isinstance(entry, dict) or name not in entry]
    if missing:
        raise SettingsError(f"{path}: a [[{what}]] lacks {missing[0]}: it needs {', '.join(names)}")
    fields: Toml = entry
    return fields


def _threshold(entry: Any, path: Path) -> Threshold:
    fields = _with(entry, ("behaviour", "nats", "since", "author", "approver", "reason"), path, "threshold")
    nats, since = fields["nats"], fields["since"]
    if isinstance(nats, bool) or not isinstance(nats, int | float) or not 0 < nats < math.inf or not isinstance(since, date):
        raise SettingsError(f"{path}: a [[threshold]] is wrong: it needs nats = a number above 0, and since = a date like 2027-01-01")
    if fields["behaviour"] == "extraction" and nats <= MAX_UNRULED_NATS:
        raise SettingsError(
            f"{path}: {nats:g} nats alert accounts for which no named rule holds: choose more than {MAX_UNRULED_NATS:g} for extraction"
        )
    people = [str(fields[name]).strip().casefold() for name in ("author", "approver")]
    if not all(people):
        raise SettingsError(f"{path}: the threshold of {fields['behaviour']} lacks an author or an approver: name two people")
    if people[0] == people[1]:
        raise SettingsError(
            f"{path}: the threshold of {fields['behaviour']} was approved by its author, {fields['author']}: ask another person"
        )
    return Threshold(
        **{name: fields[name] for name in ("behaviour", "author", "approver", "reason")},
        nats=float(nats),
        since=str(since),
    )


def _parties(path: Path) -> list[Any]:
    """Return the parties of a file. Raises SettingsError for any other table: it would silently permit nobody."""
    document = read_toml(path, _ADVICE)
    unknown = [name for name in document if name != "party"]
    if unknown or not isinstance(document.get("party", []), list):
        raise SettingsError(f"{path}: {unknown[0] if unknown else 'party'} is not a table of this file: write [[party]] before each party")
    return list(document.get("party", []))


def _permission(entry: Any, path: Path) -> Permission:
    fields = _with(entry, ("owner", "reason", "expires"), path, "party")
    unknown = [name for name in fields if name not in (*PARTY_KINDS, "owner", "reason", "expires")]
    if unknown:
        raise SettingsError(f"{path}: a [[party]] has no key {unknown[0]}: it has one of {', '.join(PARTY_KINDS)}, owner, reason, expires")
    kinds = [kind for kind in PARTY_KINDS if kind in fields]
    if len(kinds) != 1 or not isinstance(fields["expires"], date):
        raise SettingsError(f"{path}: a [[party]] is wrong: it needs one of {', '.join(PARTY_KINDS)}, and expires = a date like 2027-01-01")
    kind, party = kinds[0], str(fields[kinds[0]])
    if kind == "router" and not ROUTER_ID.fullmatch(party):  # it would silently permit nothing
        raise SettingsError(f"{path}: {party} is not a router: write its 16 hexadecimal digits, as boards and cases show them")
    stored_party = f"{hash_word(party):016x}" if kind == "organization" else party
    expires = datetime.combine(fields["expires"], time.max, UTC).timestamp()
    return Permission(kind, stored_party, str(fields["owner"]), str(fields["reason"]), expires)
