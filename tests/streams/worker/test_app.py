"""How a worker starts: what it must own first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.core.errors import SettingsError
from streams.core.settings import SECRETS, Settings
from streams.worker.app import make_app, state_folder


def settings(folder: Path) -> Settings:
    return Settings.model_validate({"state_dir": folder, **{name: f"only-for-this-test-{name}" for name in SECRETS}})


def test_two_workers_on_one_state_folder_are_told_so_in_one_line_before_the_second_opens_it(tmp_path: Path) -> None:
    with state_folder(settings(tmp_path), "accounts") as folder:
        advice = (
            f"another worker \\(process {os.getpid()}\\) uses the state in {folder}: give each worker a HYDROMETER_STATE_DIR of its own"
        )
        with pytest.raises(SettingsError, match=advice), state_folder(settings(tmp_path), "accounts"):
            pass
        with state_folder(settings(tmp_path), "groups"):
            pass


def test_a_state_folder_is_free_again_when_its_worker_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with state_folder(settings(tmp_path), "accounts"):
            pass


def test_who_comes_back_with_its_state_folder_is_the_same_member_of_its_group(tmp_path: Path) -> None:
    first, again, other = (make_app(settings(tmp_path / disk), "accounts").conf.consumer_group_instance_id for disk in ("a", "a", "b"))
    assert first
    assert first == again != other
    assert make_app(Settings(mode="local", state_dir=tmp_path), "accounts").conf.consumer_group_instance_id is None
