"""A configuration file sets what no variable sets, and holds no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.core import config_file
from streams.core.errors import SettingsError
from streams.core.settings import Settings


def load(tmp_path: Path, text: str, **variables: str) -> Settings:
    path = tmp_path / "hydrometer.toml"
    path.write_text(text)
    return Settings.load({"HYDROMETER_CONFIG": str(path), **variables}, role="kafka")


def test_a_variable_goes_before_the_file_and_the_file_before_the_default(tmp_path: Path) -> None:
    settings = load(tmp_path, 'partitions = 12\nkafka = "a:1"\nclickhouse_secure = true\nfuse_share = 0.5', HYDROMETER_KAFKA="b:2")
    assert (settings.partitions, settings.kafka, settings.clickhouse_secure, settings.fuse_share) == (12, "b:2", True, 0.5)
    assert settings.clickhouse_port == 9000


def test_a_secret_comes_from_the_file_that_is_named_unless_a_variable_has_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0123456789abcdef")
    text = f'sketch_key_file = "{tmp_path}/key"'
    assert load(tmp_path, text).sketch_key.get_secret_value() == "0123456789abcdef"
    assert load(tmp_path, text, HYDROMETER_SKETCH_KEY="fedcba9876543210").sketch_key.get_secret_value() == "fedcba9876543210"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sketch_key = "0123456789abcdef"', "holds the secret sketch_key: put it into a file of its own"),
        ("partition = 4", "unknown variable HYDROMETER_PARTITION: did you mean HYDROMETER_PARTITIONS?"),
        ("[kafka]\nhost = 1", "kafka is not one value"),
        ("partitions = ", "is no TOML"),
        ("partitions = 0", "HYDROMETER_PARTITIONS"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    assert message in str(error.value)
    assert "0123456789abcdef" not in str(error.value)


def test_a_file_that_is_named_and_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="check HYDROMETER_CONFIG"):
        Settings.load({"HYDROMETER_CONFIG": str(tmp_path / "nowhere.toml")}, role="kafka")


def test_local_mode_does_not_read_the_file_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = tmp_path / "hydrometer.toml"
    usual.write_text("partitions = 12")
    monkeypatch.setattr(config_file, "USUAL_PATH", usual)
    assert Settings.load({"HYDROMETER_MODE": "local"}).partitions == 4
    assert Settings.load({}, role="kafka").partitions == 12
