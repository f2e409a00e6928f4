"""Keys of roles: derived, independent, two epochs side by side, and none that works without having been set."""

from __future__ import annotations

import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.core import settings
from streams.core.errors import SettingsError
from streams.core.keyring import ROLES, author_key, derived, role_keys
from streams.core.settings import Settings

SECRET, OTHER = "the secret of all roles", "another secret of roles"


def production(**given: str) -> Settings:
    secrets = dict.fromkeys(settings.SECRETS, "not of interest here")
    return Settings.model_validate({**secrets, **given})


def test_each_role_has_a_key_of_its_own_which_is_not_the_secret() -> None:
    keys = [role_keys(production(signing_key=SECRET), role)[0] for role in ROLES]
    assert len(set(keys)) == len(ROLES)
    assert SECRET.encode() not in keys


def test_hkdf_is_that_of_rfc_5869() -> None:
    extracted = hmac.digest(bytes(32), b"secret", "sha256")
    assert derived(b"secret", "role worker") == hmac.digest(extracted, b"hydrometer role worker\x01", "sha256")


@pytest.mark.parametrize("role", ROLES)
def test_outside_of_local_mode_no_role_has_a_key_before_one_is_set(role: str) -> None:
    with pytest.raises(SettingsError, match=rf"neither HYDROMETER_{role.upper()}_KEY nor HYDROMETER_SIGNING_KEY is set: set one of them"):
        role_keys(production(), role)  # type: ignore[arg-type]


def test_a_role_may_have_a_secret_of_its_own_and_then_it_does_not_tell_the_others() -> None:
    own = production(worker_key=SECRET)
    assert role_keys(own, "worker") == role_keys(production(signing_key=SECRET), "worker")
    with pytest.raises(SettingsError):
        role_keys(own, "analyst")


def test_the_newest_key_signs_and_those_before_are_believed() -> None:
    old, new = role_keys(production(signing_key=OTHER), "worker"), role_keys(production(signing_key=SECRET), "worker")
    assert role_keys(production(signing_key=SECRET, signing_key_previous=OTHER), "worker") == [*new, *old]
    assert role_keys(production(worker_key=SECRET, signing_key=OTHER), "worker") == [*new, *old]


def test_a_short_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="HYDROMETER_SIGNING_KEY has fewer than 16 characters") as caught:
        role_keys(production(signing_key="hunter2"), "worker")
    assert "hunter2" not in str(caught.value)


def test_local_mode_draws_a_secret_once_for_all_its_processes_and_keeps_it_to_its_user(tmp_path: Path) -> None:
    local = Settings(mode="local", state_dir=tmp_path / "state")
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: role_keys(local, "worker")[0], range(32)))
    assert len(set(drawn)) == 1
    [kept] = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert role_keys(Settings(mode="local", state_dir=tmp_path / "other"), "worker")[0] != drawn[0]


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="set HYDROMETER_STATE_DIR"):
        role_keys(Settings(mode="local", state_dir=tmp_path / "file"), "worker")


@pytest.mark.parametrize("given", ["ada", "ada:", ":" + "0" * 64, "ada:xyz", "ada:00ff"])
def test_what_is_no_name_and_key_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="hydrometer keys author NAME"):
        author_key(production(author_key=given))


def test_an_authors_name_may_hold_a_colon() -> None:
    assert author_key(production(author_key="corp:ada:" + "00" * 32)) == ("corp:ada", bytes(32))
    assert author_key(production()) is None
