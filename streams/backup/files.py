"""Files of people in a backup: what the settings name, what the state folder keeps beside the workers' tables, and what is named by hand.

Keys, passwords, tokens and certificates are never among them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from streams.backup.manifest import BackupError, BackupManifest, SavedFile, checksum, saved
from streams.core import config_file
from streams.core.private_file import owner_only, write_private
from streams.core.settings import Settings

FIELDS: Final = ("policy", "permitted_parties", "indicators")
"""Settings that name files which people wrote or fetched."""
NOT_SAVED: Final = {
    "kafka_ssl_cafile": "a certificate, which comes from who issued it",
    "clickhouse_ssl_cafile": "a certificate, which comes from who issued it",
    "intake_certificate": "a certificate, which comes from who issued it",
    "intake_certificate_key": "a key",
    "intake_tokens": "holds tokens",
    "state_dir": "the workers' tables, which are in Kafka; files beside them are saved",
    "erasures": "must be newer than the backup: it is copied on its own",
}
"""The other settings that name files, and why."""

_STATE: Final = "state_dir"
_BY_HAND: Final = "by hand"


def save(settings: Settings, folder: Path, others: Sequence[Path]) -> Iterator[SavedFile]:
    """Copy the files, and yield each. others: named by hand, as mapping files. Raises BackupError when one cannot be read."""
    for number, (name, source) in enumerate(_sources(settings, others)):
        path = folder / "files" / f"{number:02d}-{source.name}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(path, "xb", opener=owner_only) as file:
                file.write(source.read_bytes())
        except OSError as error:
            raise BackupError(f"cannot copy {source} ({error.strerror}): check the path and its permissions") from error
        yield saved(folder, path, "file", name, 0, str(source.absolute()))


def refuse_others(settings: Settings, manifest: BackupManifest) -> None:
    """Raise BackupError when another file stands where one of the backup goes."""
    for file, target in _targets(settings, manifest):
        if target.exists() and checksum(target) != file.sha256:
            raise BackupError(
                f"{target} is another file than that of the backup ({file.path}): move it away, or copy it into place afterwards"
            )


def load(settings: Settings, folder: Path, manifest: BackupManifest) -> Iterator[Path]:
    """Write the files to where the settings name them now, unless they are there, and yield each. Raises BackupError."""
    for file, target in _targets(settings, manifest):
        if target.exists():
            continue
        try:
            write_private(target, (folder / file.path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BackupError(f"cannot write {target} ({error}): copy {folder / file.path} there by hand") from error
        yield target


def _sources(settings: Settings, others: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    for name in FIELDS:
        path: Path | None = getattr(settings, name)
        if path is not None and (name != "indicators" or path.exists()):
            yield name, path
    if settings.state_dir.is_dir():
        for path in sorted(settings.state_dir.glob("*.json")):
            yield _STATE, path
    named = os.environ.get(config_file.VARIABLE)
    config = Path(named) if named else config_file.USUAL_PATH
    if named or (settings.mode == "production" and config.exists()):
        yield _BY_HAND, config
    for path in others:
        yield _BY_HAND, path


def _targets(settings: Settings, manifest: BackupManifest) -> Iterator[tuple[SavedFile, Path]]:
    for file in manifest.files:
        if file.kind != "file":
            continue
        if file.name == _STATE:
            yield file, settings.state_dir / Path(file.original).name
        elif file.name == _BY_HAND:
            yield file, Path(file.original)
        else:
            target: Path | None = getattr(settings, file.name, None)
            yield file, target if target is not None else Path(file.original)
