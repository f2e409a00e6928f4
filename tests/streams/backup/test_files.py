"""What people wrote is saved, secrets are not, and nothing that stands is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from streams.backup import files
from streams.backup.manifest import BackupError, BackupManifest, LedgerMark, SavedFile
from streams.core.settings import Settings


def manifest_of(saved: list[SavedFile]) -> BackupManifest:
    return BackupManifest(1, "", "", 2, {}, {}, LedgerMark(0, ""), saved, [], [])


def test_every_setting_that_names_a_file_is_saved_or_has_a_reason() -> None:
    paths = {name for name, field in Settings.model_fields.items() if Path in (field.annotation, *get_args(field.annotation))}
    assert paths == {*files.FIELDS, *files.NOT_SAVED}, "save it, or say why not"


def test_files_come_back_to_where_the_settings_name_them(tmp_path: Path) -> None:
    for name in ("policy.toml", "gateway.toml", "state/enforcement.json", "state/signing_key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"this is {name}")
    settings = Settings(mode="local", state_dir=tmp_path / "state", policy=tmp_path / "policy.toml")
    saved = list(files.save(settings, tmp_path / "backup", [tmp_path / "gateway.toml"]))
    assert [file.path for file in saved] == ["files/00-policy.toml", "files/01-enforcement.json", "files/02-gateway.toml"]
    other = Settings(mode="local", state_dir=tmp_path / "new", policy=tmp_path / "rules" / "own.toml")
    files.refuse_others(other, manifest_of(saved))
    restored = list(files.load(other, tmp_path / "backup", manifest_of(saved)))
    assert restored == [tmp_path / "rules" / "own.toml", tmp_path / "new" / "enforcement.json"]
    assert [path.read_text() for path in restored] == ["this is policy.toml", "this is state/enforcement.json"]


def test_another_file_in_its_place_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("one")
    settings = Settings(mode="local", state_dir=tmp_path / "state", policy=policy)
    saved = list(files.save(settings, tmp_path / "backup", []))
    policy.write_text("two")
    with pytest.raises(BackupError, match=r"policy\.toml is another file than that of the backup \(files/00-policy\.toml\): move it away"):
        files.refuse_others(settings, manifest_of(saved))


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"cannot copy .*gone\.toml \(No such file or directory\)"):
        list(files.save(Settings(mode="local", state_dir=tmp_path / "state"), tmp_path / "backup", [tmp_path / "gone.toml"]))
