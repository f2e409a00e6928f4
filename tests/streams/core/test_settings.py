from __future__ import annotations

from pathlib import Path

import pytest

from streams.core import settings
from streams.core.errors import SettingsError
from streams.core.settings import SECRETS, Settings

GOOD = "0123456789abcdef"
PRODUCTION = {f"HYDROMETER_{name.upper()}": GOOD for name in SECRETS}


def test_production_is_the_default_and_reads_what_is_set() -> None:
    loaded = Settings.load({**PRODUCTION, "HYDROMETER_PARTITIONS": "12", "HYDROMETER_KAFKA": "a:1,b:2"})
    assert (loaded.mode, loaded.partitions, loaded.kafka, loaded.replication) == ("production", 12, "a:1,b:2", 3)


def test_local_mode_needs_nothing_and_keeps_one_copy() -> None:
    loaded = Settings.load({"HYDROMETER_MODE": "local"})
    assert loaded.replication == 1
    assert loaded.seal_key.get_secret_value() == "development-only-seal-key"


def test_variables_of_other_programs_do_not_matter() -> None:
    assert Settings.load({**PRODUCTION, "KAFKA": "nonsense"}).kafka == "127.0.0.1:9092"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.load({**PRODUCTION, "HYDROMETER_PARTITIONS": ""}).partitions == 4


@pytest.mark.parametrize("name", SECRETS)
def test_production_names_the_secret_that_is_missing(name: str) -> None:
    variable = f"HYDROMETER_{name.upper()}"
    env = {key: value for key, value in PRODUCTION.items() if key != variable}
    with pytest.raises(SettingsError, match=f"^{variable} is not set: set it or {variable}_FILE"):
        Settings.load(env)


def test_a_role_needs_only_its_own_secrets() -> None:
    loaded = Settings.load({"HYDROMETER_CLICKHOUSE_PASSWORD": GOOD}, role="clickhouse")
    assert loaded.clickhouse_password.get_secret_value() == GOOD
    with pytest.raises(SettingsError, match="HYDROMETER_SEAL_KEY is not set"):
        loaded.seal_key.get_secret_value()


def test_production_refuses_the_development_keys() -> None:
    local = Settings(mode="local").seal_key.get_secret_value()
    with pytest.raises(SettingsError, match="HYDROMETER_SEAL_KEY: this is the development value"):
        Settings.load({**PRODUCTION, "HYDROMETER_SEAL_KEY": local})


def test_production_refuses_a_short_secret_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="HYDROMETER_INTAKE_TOKEN: a secret has at least 16") as caught:
        Settings.load({**PRODUCTION, "HYDROMETER_INTAKE_TOKEN": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_the_password_of_a_server_is_asked_for_and_not_made_up() -> None:
    with pytest.raises(SettingsError, match="the password of HYDROMETER_CLICKHOUSE_USER") as caught:
        Settings.load({}, role="clickhouse")
    assert "openssl" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("HYDROMETER_PARTITION", "did you mean HYDROMETER_PARTITIONS?"),
        ("HYDROMETER_SEALKEY_FILE", "did you mean HYDROMETER_SEAL_KEY_FILE?"),
        ("HYDROMETER_XYZZY", "lists all variables"),
        ("HYDROMETER_PARTITIONS_FILE", "did you mean"),
    ],
)
def test_an_unknown_variable_is_refused_by_name(variable: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"^unknown variable {variable}: ") as caught:
        Settings.load({**PRODUCTION, variable: "4"})
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("HYDROMETER_MODE", "locl", "HYDROMETER_MODE: it must be 'local' or 'production'"),
        ("HYDROMETER_PARTITIONS", "four", "HYDROMETER_PARTITIONS: it must be a whole number"),
        ("HYDROMETER_PARTITIONS", "0", "HYDROMETER_PARTITIONS: it must be at least 1"),
        ("HYDROMETER_PARTITIONS", "5000", "HYDROMETER_PARTITIONS: it must be at most 4096"),
        ("HYDROMETER_FUSE_SHARE", "0", "HYDROMETER_FUSE_SHARE: it must be more than 0"),
        ("HYDROMETER_CHECKPOINT_SECONDS", "soon", "HYDROMETER_CHECKPOINT_SECONDS: it must be a number"),
        ("HYDROMETER_CLICKHOUSE_SECURE", "maybe", "HYDROMETER_CLICKHOUSE_SECURE: it must be true or false"),
        ("HYDROMETER_KAFKA", "broker", "HYDROMETER_KAFKA: it must look like its default, 127.0.0.1:9092"),
        ("HYDROMETER_CLICKHOUSE_DATABASE", "a; DROP", "HYDROMETER_CLICKHOUSE_DATABASE: it must look like its default, hydrometer"),
        ("HYDROMETER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "SASL needs HYDROMETER_KAFKA_SASL_USERNAME"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(variable: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({**PRODUCTION, variable: value})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "seal_key"
    path.write_text(f"{GOOD}-from-a-file\n")
    env = {**PRODUCTION, "HYDROMETER_SEAL_KEY_FILE": str(path)}
    del env["HYDROMETER_SEAL_KEY"]
    assert Settings.load(env).seal_key.get_secret_value() == f"{GOOD}-from-a-file"


def test_a_secret_from_a_file_and_from_a_variable_is_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="HYDROMETER_SEAL_KEY and HYDROMETER_SEAL_KEY_FILE are both set"):
        Settings.load({**PRODUCTION, "HYDROMETER_SEAL_KEY_FILE": str(tmp_path / "seal_key")})


def test_an_unreadable_or_empty_secret_file_is_named(tmp_path: Path) -> None:
    env = {key: value for key, value in PRODUCTION.items() if key != "HYDROMETER_SEAL_KEY"}
    path = tmp_path / "seal_key"
    with pytest.raises(SettingsError, match=r"HYDROMETER_SEAL_KEY_FILE: cannot read .*No such file"):
        Settings.load({**env, "HYDROMETER_SEAL_KEY_FILE": str(path)})
    path.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        Settings.load({**env, "HYDROMETER_SEAL_KEY_FILE": str(path)})


def test_secrets_never_show() -> None:
    loaded = Settings.load(PRODUCTION)
    assert GOOD not in repr(loaded)
    assert GOOD not in str(settings.shown(loaded))


def test_settings_cannot_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings(mode="local").partitions = 8


def test_the_table_lists_every_variable_and_who_needs_it() -> None:
    table = settings.table()
    assert len(table.splitlines()) == 2 + len(Settings.model_fields)
    assert "| `HYDROMETER_INTAKE_TOKEN` | required by intake |" in table
    assert "`HYDROMETER_INTAKE_TOKEN_FILE`" in table
