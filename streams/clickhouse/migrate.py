"""Bring ClickHouse's tables up to date: numbered SQL files, each applied once, in order, and recorded with its checksum.

Each statement of a file may run again (`IF NOT EXISTS`), because ClickHouse has no transaction around several statements. A
file that has been applied must not change; the next change is the next file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from clickhouse_driver import errors

from streams.clickhouse.client import connect
from streams.core.errors import HydrometerError, StoreUnavailableError
from streams.core.settings import Settings

FOLDER: Final = Path(__file__).with_name("migrations")

_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_STATEMENT_END: Final = re.compile(r";[ \t]*(?:--[^\n]*)?(?:\n|$)")
_MIGRATIONS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS migrations
(number UInt32, name String, checksum String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = MergeTree ORDER BY number
"""


class MigrationError(HydrometerError):
    """The files and the database disagree, or a file fails. Nothing after it is applied."""


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The statements, split where a line ends in a semicolon."""
        return [part.strip() for part in _STATEMENT_END.split(self.sql) if part.strip()]


def load(path: Path | None = None) -> list[Migration]:
    """Read the files of a folder in order. Raises MigrationError when there are none, or a number is missing or doubled."""
    path = path or FOLDER
    files = sorted(_read(file) for file in path.glob("*.sql")) if path.is_dir() else []
    if not files:
        raise MigrationError(f"no migrations in {path}: install Hydrometer again, or run it from its checkout")
    migrations = [migration for _, migration in files]
    for number, migration in enumerate(migrations, start=1):
        if migration.number != number:
            raise MigrationError(f"{path} lacks migration {number:04d}, the next is {migration.name}: number them without gaps")
    return migrations


def pending(files: Sequence[Migration], applied: Mapping[int, tuple[str, str]]) -> list[Migration]:
    """Return the files yet to be applied. applied: number -> (name, checksum) of each migration in the database.

    Raises MigrationError when an applied file has changed or is missing, or a later one was applied before an earlier one.
    """
    known = {file.number: file for file in files}
    for number, (name, checksum) in sorted(applied.items()):
        if number not in known:
            raise MigrationError(f"{name} was applied to this database, but is not among the files: install the newer Hydrometer")
        if known[number].checksum != checksum:
            raise MigrationError(f"{name} has changed since it was applied: restore it, and put the change into a new file")
    gaps = [later for earlier, later in pairwise([0, *sorted(applied)]) if later != earlier + 1]
    if gaps:
        raise MigrationError(f"the database skipped a migration before {gaps[0]:04d}: restore the table `migrations` from a backup")
    return [file for file in files if file.number not in applied]


def run(
    settings: Settings, progress: Callable[[Migration], None] = lambda _: None, *, dry_run: bool = False, path: Path | None = None
) -> list[Migration]:
    """Create the database if needed, apply and return the pending files; `progress` is called before each.

    With `dry_run` nothing is written, not even the database. Raises MigrationError or StoreUnavailableError.
    """
    files = load(path)
    database = _Database(settings)
    try:
        due = pending(files, database.applied())
        if not dry_run:
            database.prepare()
            for migration in due:
                progress(migration)
                database.apply(migration)
    finally:
        database.close()
    return due


class _Database:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.clickhouse_database  # letters, digits and underscores: `Settings` checks it
        self._outside = connect(settings, database="")  # our database may not exist yet
        self._inside = connect(settings)

    def applied(self) -> dict[int, tuple[str, str]]:
        exists = "SELECT count() FROM system.tables WHERE database = %(database)s AND name = 'migrations'"
        if not self._query(exists, {"database": self._name})[0][0]:
            return {}
        rows = self._query(f"SELECT number, name, checksum FROM {self._name}.migrations ORDER BY number")  # noqa: S608
        return {number: (name, checksum) for number, name, checksum in rows}

    def prepare(self) -> None:
        self._query(f"CREATE DATABASE IF NOT EXISTS {self._name}")
        self._execute(_MIGRATIONS_TABLE, "the table of migrations")

    def apply(self, migration: Migration) -> None:
        for statement in migration.statements:
            self._execute(statement, migration.name)
        self._inside.execute(
            "INSERT INTO migrations (number, name, checksum) VALUES",
            [(migration.number, migration.name, migration.checksum)],
            settings={"async_insert": 0},
        )

    def close(self) -> None:
        self._outside.disconnect()
        self._inside.disconnect()

    def _query(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[tuple[int, str, str]]:
        try:
            answer: list[tuple[int, str, str]] = self._outside.execute(sql, dict(parameters) if parameters else None)
        except (errors.Error, EOFError, OSError) as error:
            raise self._unavailable(error) from error
        return answer

    def _execute(self, statement: str, name: str) -> None:
        try:
            self._inside.execute(statement)
        except errors.ServerException as error:
            reason = " ".join(str(error.message).split("Stack trace")[0].split())
            raise MigrationError(f"{name} failed: {reason} (code {error.code}); nothing after it was applied") from error
        except (errors.Error, EOFError, OSError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        where = f"{self._settings.clickhouse_host}:{self._settings.clickhouse_port}"
        if isinstance(error, errors.ServerException):
            advice = "check HYDROMETER_CLICKHOUSE_USER, its password and its rights"
            return StoreUnavailableError(f"ClickHouse at {where} refuses to migrate (code {error.code}): {advice}")
        what = type(error).__name__
        return StoreUnavailableError(f"ClickHouse at {where} does not answer ({what}): start it, or set HYDROMETER_CLICKHOUSE_HOST")


def _read(file: Path) -> tuple[str, Migration]:
    name = _NAME.fullmatch(file.name)
    if not name:
        raise MigrationError(f"{file} is not named as a migration: name it like 0011_what_changes.sql")
    return file.name, Migration(int(name[1]), file.stem, file.read_text(encoding="utf-8"))
