from __future__ import annotations

import re
from typing import Any

from click.testing import CliRunner

from streams.cli import cli


def invoke(ground: Any, *words: str) -> str:
    settings = ground.clickhouse._settings
    env = {
        "HYDROMETER_MODE": "local",
        "HYDROMETER_CLICKHOUSE_PORT": str(settings.clickhouse_port),
        "HYDROMETER_CLICKHOUSE_USER": settings.clickhouse_user,
        "HYDROMETER_CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value(),
    }
    return CliRunner(env=env).invoke(cli, list(words), catch_exceptions=False).output


def test_what_fires_now_is_one_line_each_with_how_urgent_it_is(ground: Any) -> None:
    ground.case("case-1", behaviour="routing", accounts=40)
    assert re.findall(r"^(\w+) +(\w+) +(\S+)", invoke(ground, "alerts", "show"), re.MULTILINE) == [
        ("page", "heartbeat", "No"), ("ticket", "new_routing_case", "case-1:"),
    ]  # fmt: skip


def test_the_open_cases_are_printed_once(ground: Any) -> None:
    ground.case("case-1", accounts=40)
    ground.case("case-2", state="resolved")
    shown = invoke(ground, "watch", "--once")
    assert "1 of extraction, 0 of routing, 40 accounts" in shown
    assert "case-1" in shown
    assert "case-2" not in shown
