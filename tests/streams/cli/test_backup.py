"""`hydrometer backup` and `restore` at the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.backup.manifest import BackupError, BackupManifest, LedgerMark, fingerprints
from streams.cli.main import cli
from streams.core.settings import Settings


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("HYDROMETER_MODE", "local")
    monkeypatch.setenv("HYDROMETER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HYDROMETER_SIGNING_KEY", "the signing key of these tests")
    return Settings.load(role="backup")


def test_a_backup_can_be_verified_without_kafka_and_clickhouse(local: Settings, tmp_path: Path) -> None:
    keys = {name: found[0] for name, found in fingerprints(local).items()}
    folder = tmp_path / "backup"
    BackupManifest(1, "0.2.0", "2026-11-30T00:00:00+00:00", 2, {}, keys, LedgerMark(0, ""), [], [], []).write(folder, local)
    printed = CliRunner().invoke(cli, ["backup", "--check", str(folder)])
    assert printed.output == f"{folder} is whole: 0 files of 2026-11-30T00:00:00+00:00\n"


@pytest.mark.parametrize("words", [["backup", "--check"], ["restore"]])
def test_a_folder_that_is_no_backup_is_one_line(local: Settings, tmp_path: Path, words: list[str]) -> None:
    assert local.mode == "local"
    ended = CliRunner().invoke(cli, [*words, str(tmp_path)])
    assert isinstance(ended.exception, BackupError)
    assert str(ended.exception) == f"{tmp_path} is no whole backup, since manifest.json is missing: name one that was finished"
