"""A backup is whole, unchanged and of our keys, or is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from streams.backup import manifest
from streams.backup.manifest import MANIFEST_FILE, BackupError, BackupManifest, LedgerMark
from streams.core.settings import Settings

COLUMNS: dict[str, pa.DataType] = {"number": pa.int64(), "text": pa.binary()}
SCHEMA = pa.schema(COLUMNS)


def settings(**given: Any) -> Settings:
    keys = {name: f"the {name} of these tests" for name in ("seal_key", "sketch_key", "pseudonym_key", "signing_key")}
    return Settings(mode="local", **keys | given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a backup of one file with three rows."""
    path = tmp_path / "tables" / "t.parquet"
    rows = manifest.write_parquet(path, SCHEMA, iter([(1, b"a"), (2, b"\xff"), (3, b"c")]))
    files = [manifest.saved(tmp_path, path, "table", "t", rows)]
    keys = {name: found[0] for name, found in manifest.fingerprints(settings()).items()}
    BackupManifest(1, "0.2.0", "2026-11-30", 2, {}, keys, LedgerMark(0, ""), files, [], []).write(tmp_path, settings())
    return tmp_path


def test_a_whole_backup_is_read_back(folder: Path) -> None:
    found = manifest.read(folder, settings())
    assert [(file.name, file.rows) for file in manifest.check(folder, found)] == [("t", 3)]
    assert [row for piece in manifest.read_parquet(folder / "tables" / "t.parquet") for row in piece] == [
        (1, b"a"),
        (2, b"\xff"),
        (3, b"c"),
    ]


def test_rows_are_written_in_pieces_of_bounded_memory(tmp_path: Path) -> None:
    piece = b"x" * (1 << 20)
    assert manifest.write_parquet(tmp_path / "t.parquet", SCHEMA, ((number, piece) for number in range(40))) == 40
    assert [len(rows) for rows in manifest.read_parquet(tmp_path / "t.parquet")] == [16, 16, 8]


@pytest.mark.parametrize("name", ["seal_key", "sketch_key", "pseudonym_key"])
def test_another_key_is_refused_by_its_variable(folder: Path, name: str) -> None:
    with pytest.raises(BackupError, match=f"HYDROMETER_{name.upper()} is not the key of the backup of 2026-11-30: set the key of that day"):
        manifest.read(folder, settings(**{name: "another key than before"}))


def test_another_signing_key_is_refused(folder: Path) -> None:
    with pytest.raises(BackupError, match="HYDROMETER_WORKER_KEY is not the key"):
        manifest.read(folder, settings(signing_key="another key than before"))


def test_a_key_that_was_changed_since_is_known_as_the_previous_one(folder: Path) -> None:
    changed = settings(seal_key="the next seal key of these tests", seal_key_previous="the seal_key of these tests")
    assert manifest.read(folder, changed).partitions == 2


def test_no_key_leads_back_from_its_fingerprint(folder: Path) -> None:
    text = (folder / MANIFEST_FILE).read_text()
    assert not any(f"the {name} of these tests" in text for name in ("seal_key", "sketch_key", "pseudonym_key", "signing_key"))


def test_a_changed_manifest_is_found(folder: Path) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(path.read_text().replace('"partitions":2', '"partitions":3'))
    with pytest.raises(BackupError, match="was changed after it was written"):
        manifest.read(folder, settings())


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]"])
def test_a_damaged_manifest_is_one_line(folder: Path, content: bytes) -> None:
    (folder / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(BackupError, match="name another backup"):
        manifest.read(folder, settings())


def test_a_backup_without_its_manifest_is_none(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()
    with pytest.raises(BackupError, match="is no whole backup"):
        manifest.read(folder, settings())


def test_every_bit_of_a_file_counts(folder: Path) -> None:
    path, found = folder / "tables" / "t.parquet", manifest.read(folder, settings())
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError, match="is not as it was written: the backup is damaged"):
        list(manifest.check(folder, found))
    path.unlink()
    with pytest.raises(BackupError, match=r"cannot read .*t\.parquet"):
        list(manifest.check(folder, found))


def test_a_file_of_somebody_else_is_found(folder: Path) -> None:
    (folder / "tables" / "other.parquet").touch()
    with pytest.raises(BackupError, match=r"other\.parquet is not of this backup"):
        list(manifest.check(folder, manifest.read(folder, settings())))
