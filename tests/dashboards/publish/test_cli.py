from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from dashboards.cli import alerts, boards
from dashboards.rules import rules
from streams.cli.main import cli
from streams.core.errors import HydrometerError


@pytest.fixture
def env(grafana: Any) -> dict[str, str]:
    return {"HYDROMETER_GRAFANA_URL": grafana.url, "HYDROMETER_GRAFANA_TOKEN": "glsa_made_up_for_tests"}


def test_the_one_command_finds_boards_and_alerts_although_streams_never_imports_them() -> None:
    context = cli.make_context("hydrometer", [], resilient_parsing=True)
    assert cli.get_command(context, "boards") is boards
    assert cli.get_command(context, "alerts") is alerts
    assert {"boards", "alerts", "worker"} <= set(cli.list_commands(context))
    assert cli.get_command(context, "no-such-command") is None


def test_publishing_needs_none_of_the_developers_packages() -> None:
    hidden = "import sys; sys.modules.update(dict.fromkeys(('yaml', 'jsonschema', 'pytest')))"
    code = f"{hidden}\nimport dashboards.publish, dashboards.alert_evaluator"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_check_publish_and_diff_follow_each_other(env: dict[str, str], grafana: Any) -> None:
    runner = CliRunner(env=env)
    assert "ok    Grafana 13.0.1" in runner.invoke(cli, ["boards", "check"], catch_exceptions=False).output
    before = runner.invoke(cli, ["boards", "diff"])
    assert isinstance(before.exception, HydrometerError)
    assert grafana.writes == []
    published = runner.invoke(cli, ["boards", "publish", "--contact", "soc=email:soc@example.com"], catch_exceptions=False)
    assert "create  folder         Hydrometer (not in Grafana yet)\n" in published.output
    assert "create  contact point  hydrometer-soc (not in Grafana yet)\n" in published.output
    after = runner.invoke(cli, ["boards", "diff", "--contact", "soc=email:soc@example.com"], catch_exceptions=False)
    assert after.exit_code == 0
    assert {line.split()[0] for line in after.output.splitlines()} == {"keep"}


def test_check_asks_for_the_rights_of_the_options_of_publish(env: dict[str, str], grafana: Any) -> None:
    grafana.role = "Without notifications"
    runner = CliRunner(env=env)
    assert "ok    the token may publish" in runner.invoke(cli, ["boards", "check"], catch_exceptions=False).output
    refused = runner.invoke(cli, ["boards", "check", "--contact", "soc=email:soc@example.com"])
    assert "may not set contact points" in str(refused.exception)


def test_the_runbook_of_every_rule_has_its_panel_on_the_published_board(env: dict[str, str], grafana: Any) -> None:
    CliRunner(env=env).invoke(cli, ["boards", "publish"], catch_exceptions=False)
    panels = {panel["id"]: panel["title"] for panel in grafana.boards["hydrometer-runbooks"]["dashboard"]["panels"]}
    made = [rule for group in grafana.groups.values() for rule in group["rules"]]
    assert len(made) == len(rules())
    for rule in made:
        number = int(rule["annotations"]["runbook_url"].rpartition("panel-")[2])
        assert panels[number] == rule["title"]


def test_every_rule_leads_to_a_board_that_is_published(env: dict[str, str], grafana: Any) -> None:
    CliRunner(env=env).invoke(cli, ["boards", "publish"], catch_exceptions=False)
    for rule in rules().values():
        assert rule.board.partition("?")[0] in grafana.boards, rule.title
