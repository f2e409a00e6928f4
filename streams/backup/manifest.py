"""The manifest of a backup: what it holds, of when, with which checksums, and made under which keys.

Keys themselves are never in it: a fingerprint is derived from a key (HKDF-SHA256), and does not lead back to it. The code of the manifest
is HMAC-SHA256 under a key derived from the seal key, so that a changed file or manifest is found before anything is restored.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from streams.core.errors import HydrometerError
from streams.core.keyring import EPOCHS, ROLES, derived, role_keys
from streams.core.private_file import owner_only, write_private
from streams.core.settings import MissingSecret, Settings, variable_of
from streams.core.typed_json import read_json

FORMAT_VERSION: Final = 1
"""Of the folder; a later one is refused."""
MANIFEST_FILE: Final = "manifest.json"
KEYS: Final = ("seal_key", "sketch_key", "pseudonym_key", "shared_sketch_key")
"""Keys without which the saved state and rows are unreadable, or fit nothing that comes later. The roles' keys are the other ones."""

_FINGERPRINT_BYTES = 16
_PIECE_BYTES = 16 << 20
_PIECE_ROWS = 8_192


class BackupError(HydrometerError):
    """A backup cannot be made, is not whole, or does not fit where it should be restored."""


class SavedFile(msgspec.Struct, frozen=True):
    """One file of a backup."""

    path: str
    """Below the folder."""
    kind: Literal["table", "topic", "file"]
    name: str
    """A table, a topic, or the setting that names the file."""
    rows: int
    """0 of a file that has none."""
    size: int
    """Bytes."""
    sha256: str
    original: str = ""
    """Where a file was; empty for tables and topics."""


class SavedPartition(msgspec.Struct, frozen=True):
    """A partition of a topic, from the first record that a reader may still need."""

    topic: str
    partition: int
    first: int
    """Offset of the first saved record; that of the next one when there is none."""
    end: int
    """Offset of the next record."""
    path: str = ""
    """Its file; empty without a record."""


class Committed(msgspec.Struct, frozen=True):
    """How far a consumer group has read a partition."""

    group: str
    topic: str
    partition: int
    offset: int


class LedgerMark(msgspec.Struct, frozen=True):
    """How far the ledger of erasures was: later lines name accounts that must not come back."""

    lines: int
    sha256: str
    """Of the bytes of these lines."""


class BackupManifest(msgspec.Struct, frozen=True):
    """What a backup holds."""

    format: int
    hydrometer: str
    """Version of the program."""
    made: str
    """ISO 8601 in UTC."""
    partitions: int
    migrations: dict[str, str]
    """Checksum by name."""
    keys: dict[str, str]
    """Fingerprint by key."""
    erasures: LedgerMark
    files: list[SavedFile]
    topics: list[SavedPartition]
    offsets: list[Committed]

    def write(self, folder: Path, settings: Settings) -> None:
        """Write the manifest, which makes the folder a backup. Raises BackupError."""
        body = msgspec.json.encode(self)
        text = msgspec.json.encode({"manifest": msgspec.Raw(body), "code": _codes(settings, body)[0]})
        try:
            write_private(folder / MANIFEST_FILE, text.decode() + "\n")
        except OSError as error:
            raise BackupError(f"cannot write {folder / MANIFEST_FILE} ({error.strerror}): the folder is not a backup, delete it") from error


class _Envelope(msgspec.Struct, frozen=True):
    manifest: msgspec.Raw
    code: str


class _Form(msgspec.Struct, frozen=True):
    format: int


def read(folder: Path, settings: Settings) -> BackupManifest:
    """Read a manifest, and check its keys and its code.

    Raises:
        BackupError: It is missing, damaged, of a later format, or made under other keys.
    """
    path = folder / MANIFEST_FILE
    try:
        envelope = read_json(path.read_bytes(), _Envelope)
        body = bytes(envelope.manifest)
        if read_json(body, _Form).format != FORMAT_VERSION:
            raise BackupError(f"{folder} is a backup of another format: restore it with the version that made it")
        manifest = read_json(body, BackupManifest)
    except FileNotFoundError:
        raise BackupError(f"{folder} is no whole backup, since {MANIFEST_FILE} is missing: name one that was finished") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise BackupError(f"cannot read {path} ({type(error).__name__}): name another backup") from None
    refuse_other_keys(manifest, settings)
    if not any(hmac.compare_digest(envelope.code, code) for code in _codes(settings, body)):
        raise BackupError(f"{path} was changed after it was written, or the seal key is another one: name another backup")
    return manifest


def check(folder: Path, manifest: BackupManifest) -> Iterator[SavedFile]:
    """Yield each file once its size, checksum and number of rows are right. Raises BackupError for the first that is not."""
    listed = {file.path for file in manifest.files}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {MANIFEST_FILE}
    for extra in sorted(found - listed):
        raise BackupError(f"{folder / extra} is not of this backup: name a folder that holds a backup alone")
    for file in manifest.files:
        path = folder / file.path
        try:
            same = path.stat().st_size == file.size and checksum(path) == file.sha256
        except OSError as error:
            raise BackupError(f"cannot read {path} ({error.strerror}): the backup is damaged, name another one") from error
        if not same or (file.kind != "file" and pq.read_metadata(path).num_rows != file.rows):
            raise BackupError(f"{path} is not as it was written: the backup is damaged, name another one")
        yield file


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def fingerprints(settings: Settings) -> dict[str, list[str]]:
    """Return the fingerprints of each key that is set, the current one first. Raises SettingsError when a key of a role is missing."""
    secrets: dict[str, list[bytes]] = {f"{role}_key": role_keys(settings, role) for role in ROLES}
    for name in KEYS:
        values = [getattr(settings, name + epoch, None) for epoch in EPOCHS]
        secrets[name] = [
            value.get_secret_value().encode() for value in values if value is not None and not isinstance(value, MissingSecret)
        ]
    purpose = "fingerprint of a key"
    return {name: [derived(secret, purpose)[:_FINGERPRINT_BYTES].hex() for secret in found] for name, found in secrets.items() if found}


def refuse_other_keys(manifest: BackupManifest, settings: Settings) -> None:
    """Raise BackupError when a key of the backup is not among ours: what it made could not be read."""
    own = fingerprints(settings)
    for name, fingerprint in manifest.keys.items():
        if fingerprint not in own.get(name, []):
            raise BackupError(f"{variable_of(name)} is not the key of the backup of {manifest.made}: set the key of that day")


def write_parquet(path: Path, schema: pa.Schema, rows: Iterator[Sequence[Any]]) -> int:
    """Write rows as they come into a new file that only its owner reads; return their number. Memory is bounded by a piece of 16 MB.

    Raises:
        BackupError: The file cannot be written.
    """
    count, piece, size = 0, list[Sequence[Any]](), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(path, "xb", opener=owner_only) as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for row in rows:
                    piece.append(row)
                    size += sum(len(value) for value in row if isinstance(value, bytes))
                    if len(piece) >= _PIECE_ROWS or size >= _PIECE_BYTES:
                        writer.write_table(_table(piece, schema))
                        count, piece, size = count + len(piece), [], 0
                if piece:
                    writer.write_table(_table(piece, schema))
                    count += len(piece)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BackupError(f"cannot write {path} ({error.strerror}): make room, and take another folder") from error
    return count


def read_parquet(path: Path) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a file, one piece at a time. A map comes as pairs."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            columns = [column.to_pylist() for column in file.read_row_group(number).columns]
            yield list(zip(*columns, strict=True))


def saved(folder: Path, path: Path, kind: Literal["table", "topic", "file"], name: str, rows: int, original: str = "") -> SavedFile:
    """Return what the manifest says of a file that was written.

    Args:
        folder: The backup's.
        path: The file.
        kind: What it holds.
        name: A table, a topic, or a setting.
        rows: How many it has.
        original: Where it was.
    """
    return SavedFile(str(path.relative_to(folder)), kind, name, rows, path.stat().st_size, checksum(path), original)


def _table(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _codes(settings: Settings, body: bytes) -> list[str]:
    secrets = [settings.seal_key, settings.seal_key_previous]
    keys = [derived(secret.get_secret_value().encode(), "backup manifest") for secret in secrets if secret is not None]
    return [hmac.new(key, body, sha256).hexdigest() for key in keys]
