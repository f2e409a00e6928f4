from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.clickhouse.client import connected
from streams.core.errors import HydrometerError
from streams.testing.builders import migrated_clickhouse


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliRunner]:
    """Commands that read a ClickHouse with two requests of one account."""
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with migrated_clickhouse(tmp_path_factory.mktemp("clickhouse")) as settings:
        with connected(settings) as clickhouse:
            for number in range(2):
                clickhouse.query(
                    "INSERT INTO requests (time, event_id, account_id, output_tokens) SELECT %(time)s, %(event)s, 'ada', 30",
                    {"time": int(time.time()), "event": f"e-{number}"},
                )
        environment = {"HYDROMETER_MODE": "local", "HYDROMETER_CLICKHOUSE_PORT": str(settings.clickhouse_port)}
        environment |= {"HYDROMETER_CLICKHOUSE_USER": settings.clickhouse_user}
        environment |= {"HYDROMETER_CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value()}
        yield CliRunner(env=environment)


def test_an_account_is_shown_to_people_and_to_programs(runner: CliRunner) -> None:
    text = runner.invoke(cli, ["account", "show", "ada"], catch_exceptions=False).output
    assert "2 stored, 60 output tokens" in text
    shown = json.loads(runner.invoke(cli, ["account", "show", "ada", "--json"], catch_exceptions=False).output)
    assert (shown["account"], shown["facts"]["requests"], shown["cases"]) == ("ada", 2, [])
    assert [shown["facts"][name] for name in ("cards", "routers", "programs")] == [[], [], []]  # stored as zeros and empty words


def test_an_account_that_never_came_is_an_error(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["account", "show", "nobody"])
    assert isinstance(result.exception, HydrometerError)
    assert "nobody has neither a request nor a score nor a case" in str(result.exception)
