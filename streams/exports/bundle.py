"""A signed export bundle of a case for third parties: legal, partners.

    case.json        everything that is stored about the case
    case.html        the same as one printable page
    members.csv      the accounts, one per line
    indicators.json  what may be shared (see its TLP mark): fingerprints of the software, no customer data
    timeline.json    the chain of evidence: harvest, alert, served canaries, the model's release, tests, exports
    exhibit-*        the files that the timeline names, where they were given: each must be recorded on the case
    signer.pem       the public key that checks the signature; compare its fingerprint with the published one
    manifest.json    the case's id and version, who exported it when for whom, earlier exports, and SHA-256 of every file above
    manifest.sig     Ed25519 signature of manifest.json
    manifest.tsr     a trusted timestamp of manifest.sig, where one was asked for

Whoever has the public key (`hydrometer keys evidence`) can check a bundle with openssl alone, and can make none. A bundle whose key came
with it alone proves nothing: get the key, or its fingerprint, another way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from streams.cases.timeline import Moment
from streams.cases.views import page, terminal
from streams.cases.views.terminal import CaseRow
from streams.clickhouse.hash_text import as_hex
from streams.core import spreadsheet
from streams.core.errors import HydrometerError
from streams.core.queries import Queries
from streams.core.typed_json import read_json
from streams.exports.bundle_signature import BundleSigner, PublicKey
from streams.schema.cases import Tlp

FORMAT_VERSION: Final = 2
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
TIMESTAMP: Final = "manifest.tsr"
SIGNER: Final = "signer.pem"
MAX_INDICATOR_ACCOUNTS: Final = 1000
"""Indicators are computed from the requests of the accounts with the most evidence."""
MIN_INDICATOR_SHARE: Final = 0.05
"""Minimum share of a case's requests that show an indicator."""

_TEXTS: Final = ("tls_ja4", "tls_ja3", "http_version", "header_names", "accept_encoding", "body_shape", "sdk_language", "user_agent")
_COLUMNS: Final = {"router": as_hex("router")} | {name: name for name in _TEXTS}
"""Column that describes the client software -> its text in SQL; a router's fingerprint is the same at every provider. Addresses, networks,
keys and texts are left out: they are personal, or keyed."""
_MEMBER: Final = ("joined_at", "first", "requests", "output_tokens", "extraction", "routing")


class BundleError(HydrometerError):
    """A bundle cannot be written, or differs from what was signed. The message names the file."""


_EXHIBIT_SUFFIXES: Final = (".json", ".jsonl", ".html")
_CASE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Share:
    """A value that the case's requests show, and the share of them that show it, 0 to 1."""

    value: str
    share: float


@dataclass(frozen=True)
class Indicators:
    """What `indicators.json` holds. Times are ISO 8601 in UTC."""

    tlp: str
    case_id: str
    behaviour: str
    first: str
    last: str
    accounts: int
    atlas: list[str]
    observed: dict[str, list[Share]]
    """Column of the software's fingerprint -> its values, the most frequent first."""
    note: str = "Shares of the requests of this case. Each value alone is common; together they identify one software stack."


@dataclass(frozen=True)
class Handover:
    """One export of a case: a link of its chain of custody."""

    at: str
    """ISO 8601 in UTC."""
    by: str
    recipient: str
    """For whom; empty when it was not said."""
    manifest_sha256: str = ""
    """What was handed over; empty in its own manifest, which cannot contain its digest."""


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` holds: what is signed."""

    format: int
    case_id: str
    version: int
    exported: Handover
    sha256: dict[str, str]
    """File name -> SHA-256."""
    earlier_exports: list[Handover] = field(default_factory=list)
    """The exports of this case before, the oldest first."""


@dataclass(frozen=True)
class Bundle:
    """A bundle before it is written: file name -> content."""

    case_id: str
    files: Mapping[str, bytes]

    @property
    def manifest_sha256(self) -> str:
        """What identifies the bundle in the chain of custody."""
        return hashlib.sha256(self.files[MANIFEST]).hexdigest()

    def write(self, folder: Path) -> Path:
        """Write it into `folder/<case id>`, and return that folder.

        Raises:
            BundleError: The folder cannot be written.
        """
        target = folder / self.case_id
        try:
            target.mkdir(parents=True, exist_ok=True)
            for name, content in self.files.items():
                (target / name).write_bytes(content)
        except OSError as error:
            raise BundleError(f"cannot write {error.filename or target} ({error.strerror}): choose another --out") from error
        return target


@dataclass(frozen=True)
class Proof:
    """What ties a case to a model."""

    chain: Sequence[Moment] = ()
    """The timeline of the case."""
    exhibits: Mapping[str, bytes] = field(default_factory=dict)
    """Files that the chain names, by their path."""


def make(
    case: CaseRow,
    signer: BundleSigner,
    shown: Indicators,
    exported: Handover,
    earlier: Sequence[Handover] = (),
    stamp: Callable[[bytes], bytes] | None = None,
    proof: Proof | None = None,
) -> Bundle:
    """Return the signed bundle of a case.

    Args:
        case: The case.
        signer: What signs the manifest.
        shown: Indicators that may be shared.
        exported: Who exports it, when and for whom.
        earlier: Its exports before.
        stamp: Gives a timestamp of the signature; None for none.
        proof: Its chain of evidence, with files that the chain names.

    Raises:
        BundleError: The case's id cannot name a folder, or an exhibit is not recorded on the case.
    """
    if not _CASE_ID.fullmatch(case.case_id):
        raise BundleError(f"{case.case_id!r} cannot name a folder: a case id has letters, digits, dots, dashes and underscores")
    proof = proof or Proof()
    files = {
        "case.json": case.json(),
        "case.html": page.page(case, proof.chain).encode(),
        "members.csv": members(case).encode(),
        "indicators.json": orjson.dumps(shown, option=orjson.OPT_INDENT_2),
        "timeline.json": orjson.dumps(proof.chain, option=orjson.OPT_INDENT_2),
        **_exhibits(proof),
        SIGNER: signer.public.pem,
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = orjson.dumps(
        Manifest(FORMAT_VERSION, case.case_id, case.version, exported, digests, list(earlier)), option=orjson.OPT_INDENT_2
    )
    signature = signer.sign(manifest)
    stamped = {TIMESTAMP: stamp(signature)} if stamp else {}
    return Bundle(case.case_id, {**files, MANIFEST: manifest, SIGNATURE: signature, **stamped})


def _exhibits(proof: Proof) -> dict[str, bytes]:
    """Return the exhibits by their name in the bundle: no name of a stranger's file stands in it."""
    recorded = {moment.sha256 for moment in proof.chain if moment.what != "export"}
    named = {}
    for path, content in proof.exhibits.items():
        digest = hashlib.sha256(content).hexdigest()
        if digest not in recorded:
            raise BundleError(f"{path} is not recorded on the case: record it with `hydrometer forensics record`")
        suffix = Path(path).suffix
        named[f"exhibit-{digest[:16]}{suffix if suffix in _EXHIBIT_SUFFIXES else '.bin'}"] = content
    return named


def earlier_exports(clickhouse: Queries, case_id: str) -> list[Handover]:
    """Return the exports of a case so far, the oldest first. Raises StoreUnavailableError."""
    rows = clickhouse.query(
        "SELECT time, author, note, value FROM actions FINAL WHERE case_id = %(case)s AND kind = 'export' ORDER BY time",
        {"case": case_id},
    )
    return [Handover(_iso(time.replace(tzinfo=time.tzinfo or UTC)), by, recipient, digest) for time, by, recipient, digest in rows]


def handover(at: datetime, by: str, recipient: str) -> Handover:
    """Return an export at this time, signed `by` a person for a `recipient`."""
    return Handover(_iso(at), by, recipient)


def verify(folder: Path, key: PublicKey) -> Manifest:
    """Return the manifest of a bundle after checking the signature and every file. A timestamp is left to openssl.

    Raises:
        BundleError: The first file that is wrong, missing, or was added.
    """
    manifest, signature = _read(folder / MANIFEST), _read(folder / SIGNATURE)
    if not key.signed(signature, manifest):
        fault = f"{folder / MANIFEST} was changed after it was signed, or by another key than {key.fingerprint[:16]}..."
        raise BundleError(f"{fault}: ask the sender, and compare the key's fingerprint with theirs")
    try:
        content = read_json(manifest, Manifest)
    except msgspec.DecodeError:
        raise BundleError(f"{folder / MANIFEST} is of another version of Hydrometer: verify it with that one, or with openssl") from None
    for name, digest in content.sha256.items():
        if hashlib.sha256(_read(folder / name)).hexdigest() != digest:
            raise BundleError(f"{folder / name} was changed after it was signed: ask the sender for the bundle again")
    added = sorted({path.name for path in folder.iterdir()} - {*content.sha256, MANIFEST, SIGNATURE, TIMESTAMP})
    if added:
        raise BundleError(f"{folder / added[0]} was added after the bundle was signed: remove it")
    return content


def members(case: CaseRow) -> str:
    """Return the accounts of a case as CSV (RFC 4180), the most evidence first; times are ISO 8601 in UTC.

    An id that a spreadsheet would take for a formula gets an apostrophe before it: accounts choose their names.
    """
    ranked = terminal.members(case)
    rows = ((account, *(_shown(name, getattr(member, name)) for name in _MEMBER)) for account, member in ranked)
    return spreadsheet.table([("account", *_MEMBER), *rows])


def indicators(clickhouse: Queries, case: CaseRow, tlp: Tlp = "AMBER") -> Indicators:
    """Return what others may look for in their own traffic: fingerprints of the client software, with their share of the case's requests.

    Computed from the requests that ClickHouse still has. Raises StoreUnavailableError.
    """
    accounts = [account for account, _ in terminal.members(case)[:MAX_INDICATOR_ACCOUNTS]]
    observed = {column: _values(clickhouse, text, accounts) for column, text in _COLUMNS.items()} if accounts else {}
    return Indicators(
        tlp=f"TLP:{tlp}",
        case_id=case.case_id,
        behaviour=case.behaviour,
        first=case.opened_at.astimezone(UTC).isoformat(),
        last=case.updated_at.astimezone(UTC).isoformat(),
        accounts=case.accounts,
        atlas=list(case.payload.atlas),
        observed={column: values for column, values in observed.items() if values},
    )


def _values(clickhouse: Queries, text: str, accounts: Sequence[str]) -> list[Share]:
    rows = clickhouse.query(
        f"SELECT {text} AS value, count() / sum(count()) OVER () AS share FROM requests "  # noqa: S608 (an expression of ours)
        "WHERE account_id IN %(accounts)s AND value != '' GROUP BY value ORDER BY share DESC, value LIMIT 10",
        {"accounts": accounts},
    )
    return [Share(value, round(share, 3)) for value, share in rows if share >= MIN_INDICATOR_SHARE]


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): check that the bundle is complete") from error


def _shown(name: str, value: Any) -> Any:
    if name in ("joined_at", "first") and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return "" if value is None else value
