from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from dashboards.grafana_http import Backend, GrafanaError, GrafanaHttp
from dashboards.grafana_live import try_all
from dashboards.publish import publish, release
from dashboards.rehearsal import Rehearsed
from dashboards.rules import rules
from streams.cli.main import cli
from streams.core.errors import HydrometerError

pytestmark = pytest.mark.parametrize("backend", ["grafana-api"])


@pytest.fixture
def published(api: GrafanaHttp, grafana: Any, rehearsed: Rehearsed) -> GrafanaHttp:
    """A Grafana with everything published, whose data source is the local ClickHouse with the demonstration's traffic."""
    list(publish(api, release()))
    grafana.writes.clear()
    grafana.query = lambda sql: rehearsed.client.execute(rehearsed.window.expand(sql), with_column_types=True)
    return api


def wrong(api: GrafanaHttp) -> dict[str, str]:
    return {trial.name: trial.error for trial in try_all(api) if trial.error}


def test_every_query_and_text_of_ours_is_right_and_nothing_is_written(published: GrafanaHttp, grafana: Any) -> None:
    trials = list(try_all(published))
    assert [trial for trial in trials if trial.error] == []
    assert len({trial.name for trial in trials}) > 200
    assert {f"rule {name}: text" for name in rules()} <= {trial.name for trial in trials}
    assert grafana.writes == []


def test_a_template_that_was_interpolated_on_its_way_is_found(published: GrafanaHttp, grafana: Any) -> None:
    for group in grafana.groups.values():
        for rule in group["rules"]:
            rule["annotations"] = {name: text.replace("$", "$$") for name, text in rule["annotations"].items()}
    grafana.boards.clear()  # the first test asks all of their queries
    found = wrong(published)
    assert found.keys() >= {f"rule {name}: text" for name in rules()}
    assert "Grafana writes '{{ $$labels.case_id }}" in found["rule case_waits: text"]


def test_a_query_that_fails_is_named_with_what_clickhouse_says(published: GrafanaHttp, grafana: Any) -> None:
    panel = next(each for each in grafana.boards["hydrometer-soc"]["dashboard"]["panels"] if each.get("targets"))
    panel["targets"][0]["rawSql"] = "SELECT no_such_column"
    for uid in grafana.boards.keys() - {"hydrometer-soc"}:  # the first test asks all queries
        del grafana.boards[uid]
    failed = {name: error for name, error in wrong(published).items() if "is not in this Grafana" not in error}
    assert list(failed) == [f"SOC overview: {panel['title']} A"]
    assert "no_such_column" in failed[f"SOC overview: {panel['title']} A"]


def test_what_is_not_published_is_named(api: GrafanaHttp) -> None:
    assert set(wrong(api).values()) == {"is not in this Grafana: run `hydrometer boards publish`"}


def test_a_token_without_a_right_to_query_ends_the_check(published: GrafanaHttp, grafana: Any) -> None:
    grafana._ds_query = lambda *_: (403, {"message": "no permission"})
    with pytest.raises(GrafanaError, match="forbids POST /ds/query"):
        list(try_all(published))


def test_the_command_ends_with_an_error_when_anything_is_wrong(grafana: Any, backend: Backend) -> None:
    def check() -> Result:
        env = {"HYDROMETER_GRAFANA_URL": grafana.url, "HYDROMETER_GRAFANA_TOKEN": "glsa_made_up_for_tests"}
        return CliRunner(env=env).invoke(cli, ["boards", "check", "--live", "--backend", backend])

    result = check()
    assert isinstance(result.exception, HydrometerError)
    assert "fail in Grafana" in str(result.exception)
    assert "wrong SOC overview: is not in this Grafana" in result.output
