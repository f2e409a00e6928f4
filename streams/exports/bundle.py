"""A signed export bundle of a case for third parties: legal, partners.

    case.json        everything that is stored about the case
    case.html        the same as one printable page
    members.csv      the accounts, one per line
    indicators.json  what may be shared (see its TLP mark): fingerprints of the software, no customer data
    manifest.json    the case's id and version, and SHA-256 of every file above
    manifest.sig     HMAC-SHA256 of manifest.json under HYDROMETER_EVIDENCE_KEY

An HMAC proves to holders of the key that nothing was changed without the key. It proves nothing to others: hand the key over by another
way than the bundle, and use one key per recipient.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from streams.cases.views import page, terminal
from streams.cases.views.terminal import CaseRow
from streams.core.errors import HydrometerError
from streams.core.queries import Queries
from streams.schema.cases import Tlp

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
MAX_INDICATOR_ACCOUNTS: Final = 1000
"""Indicators are computed from the requests of the accounts with the most evidence."""
MIN_INDICATOR_SHARE: Final = 0.05
"""Minimum share of a case's requests that show an indicator."""

_COLUMNS: Final = ("tls_ja4", "tls_ja3", "http_version", "header_names", "accept_encoding", "body_shape", "sdk_language", "user_agent")
"""Columns that describe the client software. Addresses, networks, keys and texts are left out: they are personal, or keyed."""
_MEMBER: Final = ("joined_at", "first", "requests", "output_tokens", "extraction", "routing")
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


class BundleError(HydrometerError):
    """A bundle cannot be written, or differs from what was signed. The message names the file."""


_CASE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_BLANKS = " \t\r\n\v\f\u00a0\ufeff\u200b"


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
class Manifest:
    """What `manifest.json` holds: what is signed."""

    format: int
    case_id: str
    version: int
    exported_at: str
    sha256: dict[str, str]
    """File name -> SHA-256."""


def write(case: CaseRow, folder: Path, key: bytes, indicators: Indicators, at: datetime) -> Path:
    """Write the bundle of a case into `folder/<case id>` and return that folder. at: time of the export. Raises BundleError."""
    if not _CASE_ID.fullmatch(case.case_id):
        raise BundleError(f"{case.case_id!r} cannot name a folder: a case id has letters, digits, dots, dashes and underscores")
    files = {
        "case.json": case.json(),
        "case.html": page.page(case).encode(),
        "members.csv": members(case).encode(),
        "indicators.json": orjson.dumps(indicators, option=orjson.OPT_INDENT_2),
    }
    manifest = _manifest(case, files, at)
    target = folder / case.case_id
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, content in {**files, MANIFEST: manifest, SIGNATURE: _sign(manifest, key)}.items():
            (target / name).write_bytes(content)
    except OSError as error:
        raise BundleError(f"cannot write {error.filename or target} ({error.strerror}): choose another --out") from error
    return target


def verify(folder: Path, key: bytes) -> Manifest:
    """Return the manifest of a bundle after checking the signature and every file. Raises BundleError naming the first wrong one."""
    manifest, signature = _read(folder / MANIFEST), _read(folder / SIGNATURE)
    if not hmac.compare_digest(_sign(manifest, key).strip(), signature.strip()):
        raise BundleError(
            f"{folder / MANIFEST} differs from what was signed, or HYDROMETER_EVIDENCE_KEY is another key: ask the sender for both"
        )
    content = msgspec.json.decode(manifest, type=Manifest)
    for name, digest in content.sha256.items():
        if hashlib.sha256(_read(folder / name)).hexdigest() != digest:
            raise BundleError(f"{folder / name} was changed after it was signed: ask the sender for the bundle again")
    added = sorted({path.name for path in folder.iterdir()} - {*content.sha256, MANIFEST, SIGNATURE})
    if added:
        raise BundleError(f"{folder / added[0]} was added after the bundle was signed: remove it")
    return content


def members(case: CaseRow) -> str:
    """Return the accounts of a case as CSV (RFC 4180), the most evidence first; times are ISO 8601 in UTC.

    An id that a spreadsheet would take for a formula gets an apostrophe before it: accounts choose their names.
    """
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_ALL)  # quotes also protect semicolons, the separator of some locales
    table.writerow(("account", *_MEMBER))
    ranked = terminal.members(case)
    table.writerows((_harmless(account), *(_shown(name, getattr(member, name)) for name in _MEMBER)) for account, member in ranked)
    return text.getvalue()


def indicators(clickhouse: Queries, case: CaseRow, tlp: Tlp = "AMBER") -> Indicators:
    """Return what others may look for in their own traffic: fingerprints of the client software, with their share of the case's requests.

    Computed from the requests that ClickHouse still has. Raises StoreUnavailableError.
    """
    accounts = [account for account, _ in terminal.members(case)[:MAX_INDICATOR_ACCOUNTS]]
    observed = {column: _values(clickhouse, column, accounts) for column in _COLUMNS} if accounts else {}
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


def _values(clickhouse: Queries, column: str, accounts: Sequence[str]) -> list[Share]:
    rows = clickhouse.query(
        f"SELECT {column}, count() / sum(count()) OVER () AS share FROM requests "  # noqa: S608 (a column name of ours)
        f"WHERE account_id IN %(accounts)s AND {column} != '' GROUP BY {column} ORDER BY share DESC, {column} LIMIT 10",
        {"accounts": accounts},
    )
    return [Share(value, round(share, 3)) for value, share in rows if share >= MIN_INDICATOR_SHARE]


def _manifest(case: CaseRow, files: Mapping[str, bytes], at: datetime) -> bytes:
    manifest = Manifest(
        format=FORMAT_VERSION,
        case_id=case.case_id,
        version=case.version,
        exported_at=at.astimezone(UTC).isoformat(timespec="seconds"),
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2)


def _sign(manifest: bytes, key: bytes) -> bytes:
    return hmac.new(key, manifest, hashlib.sha256).hexdigest().encode() + b"\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): check that the bundle is complete") from error


def _harmless(account: str) -> str:
    """Return an id that no spreadsheet takes for a formula, also after blanks or a byte order mark."""
    formula = account.lstrip(_BLANKS).startswith(_FORMULAS)
    return f"'{account}" if formula else account


def _shown(name: str, value: Any) -> Any:
    if name in ("joined_at", "first") and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return "" if value is None else value
