"""A backup of one moment, and its restore.

Promised is one moment: while neither `collect` nor a worker runs, state, offsets and tables do not change, and where something changed all
the same there is no backup. So a restored deployment goes on as if it had only been stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from kafka import KafkaProducer

from streams.backup import files, logs, manifest, tables
from streams.backup.logs import TopicPosition
from streams.backup.manifest import BackupError, BackupManifest, LedgerMark, SavedFile, SavedPartition
from streams.clickhouse import migrate
from streams.clickhouse.account_rows import AccountRows
from streams.clickhouse.client import ClickHouse
from streams.core.settings import Settings
from streams.exports.erasure import POLL_SECONDS
from streams.exports.erasure_ledger import ErasureLedger
from streams.kafka.progress import waiting
from streams.schema import topics
from streams.schema.signatures import Signatures
from streams.stages import erasures
from streams.worker.app import AGENTS

Progress = Callable[[str], None]
"""Prints a line of progress."""

HEARTBEAT_SECONDS: Final = 25
"""A process reports every ten seconds: whose last report is older has ended."""
ERASURE_SECONDS: Final = 600.0
"""Time within which ClickHouse deletes the rows of an account."""

_REPORTING: Final = """
SELECT DISTINCT process || ' ' || instance FROM health
WHERE process IN ('collect', 'worker') AND time > now() - INTERVAL %(seconds)s SECOND ORDER BY 1
"""
_NEWEST_CLAIMS: Final = (
    "SELECT topic, partition, argMax(last, (claimed_at, last)) FROM batches GROUP BY topic, partition ORDER BY topic, partition"
)
_HELD: Final = "SELECT case_id FROM cases FINAL WHERE JSONHas(payload, 'hold', 'verdict')"


@dataclass(frozen=True)
class Restored:
    """What a restore has done."""

    manifest: BackupManifest
    erased: list[str]
    """Accounts that were forgotten after the backup, and are erased from its tables; their state goes when workers start."""


def backup(
    settings: Settings, clickhouse: ClickHouse, folder: Path, others: Sequence[Path], wait_seconds: float, progress: Progress
) -> BackupManifest:
    """Save everything that cannot be made again into a new folder.

    Args:
        settings: Settings with the deployment's keys.
        clickhouse: Client of a user that may read all tables.
        folder: Where to; it must not exist, or be empty.
        others: Files to save that no setting names.
        wait_seconds: Time within which processes that were just stopped must be gone.
        progress: Gets a line for each step.

    Raises:
        BackupError: The folder is not empty, something still runs, the store stopped within a batch, or something changed meanwhile.
        BrokerUnavailableError, StoreUnavailableError, SettingsError, LedgerError: As usual.
    """
    _refuse_full(folder)
    keys = {name: found[0] for name, found in manifest.fingerprints(settings).items()}
    wait_until_quiet(settings, clickhouse, wait_seconds, progress)
    before = TopicPosition.of(settings)
    refuse_open_batches(clickhouse, before)
    ledger = ErasureLedger(settings)
    ledger.begin()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    saved: list[SavedFile] = [*files.save(settings, folder, others)]
    partitions: list[SavedPartition] = []
    for partition, file in logs.save(settings, before, folder):
        partitions.append(partition)
        if file is not None:
            saved.append(file)
            progress(f"saved {file.rows:,} records of {partition.topic}/{partition.partition}")
    for file in tables.save(clickhouse, folder):
        saved.append(file)
        progress(f"saved {file.rows:,} rows of {file.path.removeprefix('tables/').removesuffix('.parquet')}")
    if TopicPosition.of(settings).settled() != before.settled() or logs.running(settings):
        raise BackupError(
            f"something ran while {folder} was written, so it is no backup: delete it, stop collect and workers, and run it again"
        )
    mark = LedgerMark(*ledger.mark())
    made = datetime.now(UTC).isoformat(timespec="seconds")
    applied = tables.applied(clickhouse)
    done = BackupManifest(
        manifest.FORMAT_VERSION,
        version("hydrometer"),
        made,
        settings.partitions,
        applied,
        keys,
        mark,
        saved,
        partitions,
        logs.committed(before),
    )
    done.write(folder, settings)
    if raw := sum(waiting(settings, before.unread_raw()).values()):
        progress(f"{raw:,} records of {logs.UNSAVED} wait for collect and are not saved, since they hold prompts")
    return done


def check(settings: Settings, folder: Path, progress: Progress) -> BackupManifest:
    """Verify a backup without restoring it. Raises BackupError."""
    saved = manifest.read(folder, settings)
    for file in manifest.check(folder, saved):
        progress(f"whole {file.path}")
    return saved


def restore(settings: Settings, folder: Path, *, ledger_is_lost: bool, progress: Progress) -> Restored:
    """Bring a backup back into empty topics, empty tables and an empty state folder.

    Args:
        settings: Settings with the keys of the backup, and of a ClickHouse user that may make tables.
        folder: The backup.
        ledger_is_lost: Whether somebody has said that no account was forgotten since the backup, and there is no ledger to prove it.
        progress: Gets a line for each step.

    Raises:
        BackupError: The backup is damaged, of other keys or a later version, or the target is not empty. Nothing was changed then.
        BrokerUnavailableError, StoreUnavailableError, SettingsError, LedgerError: As usual.
    """
    saved = check(settings, folder, lambda _: None)
    progress(f"the backup of {saved.made} is whole: {len(saved.files)} files")
    forgotten = _forgotten(settings, saved, ledger_is_lost=ledger_is_lost)
    _refuse_other_layout(settings, saved)
    _refuse_state(settings)
    files.refuse_others(settings, saved)
    if alive := logs.running(settings):
        raise BackupError(f"{', '.join(alive)} still runs: stop collect and workers first")
    logs.refuse_filled(settings)
    with closing(ClickHouse(settings)) as clickhouse:
        if len(migrate.run(settings, dry_run=True)) < len(migrate.load()):
            tables.refuse_filled(clickhouse)
        migrate.run(settings)
        logs.make(settings)
        for file in tables.load(clickhouse, folder, saved):
            progress(f"restored {file.rows:,} rows of {file.path.removeprefix('tables/').removesuffix('.parquet')}")
        for partition in logs.load(settings, folder, saved):
            progress(f"restored {partition.topic}/{partition.partition} up to {partition.end:,}")
        logs.commit(settings, saved.offsets)
        for path in files.load(settings, folder, saved):
            progress(f"restored {path}")
        _erase(settings, clickhouse, forgotten)
    return Restored(saved, forgotten)


def forgotten_after(settings: Settings, folder: Path) -> list[str]:
    """Return the accounts that were forgotten after a backup was made. Raises BackupError, LedgerError."""
    mark = manifest.read(folder, settings).erasures
    return ErasureLedger(settings).since(mark.lines, mark.sha256)


def wait_until_quiet(settings: Settings, clickhouse: ClickHouse, wait_seconds: float, progress: Progress) -> None:
    """Wait until no reader is in its consumer group and no process reports any more. Raises BackupError when one still does at the end."""
    give_up, is_reported = time.monotonic() + wait_seconds, False
    while alive := [*logs.running(settings), *_reporting(clickhouse)]:
        if time.monotonic() >= give_up:
            raise BackupError(
                f"{', '.join(alive)} still runs, or ended less than {HEARTBEAT_SECONDS} s ago: stop collect and workers first"
            )
        if not is_reported:
            progress(f"waiting until {', '.join(alive)} is gone")
            is_reported = True
        time.sleep(POLL_SECONDS)


def refuse_open_batches(clickhouse: ClickHouse, position: TopicPosition) -> None:
    """Raise BackupError when the store was killed between the rows of a batch and its offsets: restored, they would be written twice."""
    done = position.committed.get(topics.group_of(topics.STORE_AGENT), {})
    acknowledged = {(tp.topic, tp.partition): offset for tp, offset in done.items()}
    ends = {(tp.topic, tp.partition): end for tp, end in position.ends.items()}
    for topic, partition, last in clickhouse.query(_NEWEST_CLAIMS):
        at = (str(topic), int(partition))
        if acknowledged.get(at, 0) <= last < ends.get(at, 0):
            raise BackupError(
                f"the store was killed within a batch of {topic}/{partition}: start `hydrometer worker store`, and stop it with SIGTERM"
            )


def _reporting(clickhouse: ClickHouse) -> list[str]:
    return [str(name) for (name,) in clickhouse.query(_REPORTING, {"seconds": HEARTBEAT_SECONDS})]


def _refuse_full(folder: Path) -> None:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty: name a new folder for each backup")
    except OSError as error:
        raise BackupError(f"cannot use {folder} ({error.strerror}): name a new folder") from error


def _refuse_other_layout(settings: Settings, saved: BackupManifest) -> None:
    if saved.partitions != settings.partitions:
        raise BackupError(
            f"the backup has {saved.partitions} partitions, the settings say {settings.partitions}: set HYDROMETER_PARTITIONS"
        )
    own = {file.name: file.checksum for file in migrate.load()}
    for name, checksum in saved.migrations.items():
        if own.get(name) != checksum:
            raise BackupError(
                f"the backup has a migration {name} that is not here (made by {saved.hydrometer}): restore it with that version"
            )


def _refuse_state(settings: Settings) -> None:
    for agent in AGENTS:
        folder = settings.state_dir / agent
        if folder.is_dir() and any(folder.rglob("CURRENT")):
            raise BackupError(f"{folder} holds the tables of a worker: stop it, and delete that folder first")


def _forgotten(settings: Settings, saved: BackupManifest, *, ledger_is_lost: bool) -> list[str]:
    ledger = ErasureLedger(settings)
    if ledger.exists:
        return ledger.since(saved.erasures.lines, saved.erasures.sha256)
    if not ledger_is_lost:
        raise BackupError(
            f"the ledger of erasures ({ledger.path}) is missing: bring back its newest copy, or say --ledger-is-lost "
            "if no account was forgotten since"
        )
    return []


def _erase(settings: Settings, clickhouse: ClickHouse, accounts: Sequence[str]) -> None:
    """Delete the rows of accounts, and leave a command for the workers, who read it before anything else of these accounts."""
    if not accounts:
        return
    held = [str(case) for (case,) in clickhouse.query(_HELD)]
    signatures = Signatures.of(settings, "worker")
    with topics.answering(settings), closing(KafkaProducer(acks="all", **topics.client_options(settings))) as producer:
        for number, account in enumerate(accounts):
            command = erasures.command(f"restore-{number}", account, time.time() + settings.future_skew_seconds)
            headers = signatures.sign(topics.FEEDBACK, None, command)
            home = topics.partition_of(account, settings.partitions)
            producer.send(topics.FEEDBACK, value=command, headers=headers, partition=home).get(timeout=topics.SEND_TIMEOUT_SECONDS)
            AccountRows(clickhouse, account, held).delete(ERASURE_SECONDS)
