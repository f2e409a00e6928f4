from __future__ import annotations

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.core.errors import SettingsError
from streams.core.loopback import check_host, is_loopback
from streams.core.settings import SECRETS, Settings

ELSEWHERE = ["0.0.0.0", "::", "10.0.0.1", "192.168.1.5", "example.org", ""]  # noqa: S104
LOCAL, PRODUCTION = Settings(mode="local"), Settings.model_validate(dict.fromkeys(SECRETS, "not of interest here"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_where_local_mode_listens(host: str) -> None:
    assert is_loopback(host)
    check_host(LOCAL, host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_local_mode_listens_nowhere_else_and_production_may(host: str) -> None:
    with pytest.raises(SettingsError, match="local mode listens on loopback alone"):
        check_host(LOCAL, host)
    check_host(PRODUCTION, host)


@pytest.mark.parametrize("words", [["--http", "0.0.0.0:18088"], ["--http", "127.0.0.1:0"]], ids=["intake", "metrics"])
def test_no_process_in_local_mode_listens_elsewhere(words: list[str]) -> None:
    environment = {"HYDROMETER_MODE": "local", "HYDROMETER_METRICS_HOST": "0.0.0.0", "HYDROMETER_METRICS_PORT": "19464"}  # noqa: S104
    if "0.0.0.0" in words[1]:  # noqa: S104
        environment = {"HYDROMETER_MODE": "local"}
    done = CliRunner(env=environment).invoke(cli, ["collect", *words])
    assert isinstance(done.exception, SettingsError)
    assert "local mode listens on loopback alone, not on 0.0.0.0" in str(done.exception)
