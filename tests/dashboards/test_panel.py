from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import log
from typing import Any

import pytest

from dashboards.macros import Window
from dashboards.panel import FeaturePanel, panels
from dashboards.query import DATASOURCE
from streams.clickhouse import migrate
from streams.features.account.account_age import AccountAge
from streams.features.account.daily_requests import DailyRequests
from streams.features.account.tiny_answers import TinyAnswers
from streams.features.group.evenness import Evenness
from streams.features.group.quota_equality import QuotaEquality
from streams.testing.builders import driver, local_clickhouse

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def plain(sql: str, entity: str = "a") -> str:
    """Expand macros and the board's variables, for the hour after noon in steps of a minute."""
    chosen = {"account": entity, "kind": "router", "group": entity}
    return Window(NOON.timestamp(), NOON.timestamp() + 3600, 60, chosen).expand(sql)


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A migrated database with one score row of an account and one of a group, every feature 0.5 and ln 9."""
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path_factory.mktemp("panels")) as server:
        settings = server.settings()
        migrate.run(settings)
        with driver(server, database="hydrometer") as client:
            features = {name: log(9) if panel.logarithmic else 0.5 for name, panel in panels().items()}
            rows = [(NOON, kind, "a", 8.0, 0.0, 0.0, features) for kind in ("account", "router")]
            client.execute("INSERT INTO scores (time, entity_kind, entity_id, requests, extraction, routing, features) VALUES", rows)
            yield client


@pytest.mark.parametrize("name", panels())
def test_its_queries_run_on_clickhouse_and_show_the_value(clickhouse: Any, name: str) -> None:
    panel = panels()[name]
    value = pytest.approx(8 if panel.logarithmic else 0.5, rel=1e-5)
    assert [row[1:] for row in clickhouse.execute(plain(panel.spread()))] == [(value, value, value)]
    assert [row[1] for row in clickhouse.execute(plain(panel.chosen()))] == [value]
    assert clickhouse.execute(plain(panel.chosen(), entity="b")) == []


def test_accounts_and_groups_are_asked_for_apart() -> None:
    assert "entity_kind = 'account'" in FeaturePanel(TinyAnswers).spread()
    assert "entity_kind = decodeURLComponent('${kind:percentencode}')" in FeaturePanel(Evenness).spread()


def test_a_logarithm_is_undone_for_people() -> None:
    panel = FeaturePanel(DailyRequests)
    assert "exp(features.values[indexOf(features.keys, 'daily_requests')]) - 1" in panel.spread()
    assert panel.render()["fieldConfig"]["defaults"]["custom"]["scaleDistribution"]["type"] == "log"


def test_a_share_is_drawn_from_nothing_to_everything() -> None:
    defaults = FeaturePanel(TinyAnswers).render()["fieldConfig"]["defaults"]
    assert (defaults["min"], defaults["max"]) == (0.0, 1.0)


def test_it_takes_its_place_on_a_board() -> None:
    rendered = FeaturePanel(TinyAnswers).render(panel_id=7, x=12, y=8, width=6, height=4)
    assert rendered["id"] == 7
    assert rendered["gridPos"] == {"x": 12, "y": 8, "w": 6, "h": 4}
    assert rendered["datasource"] == DATASOURCE
    assert [target["refId"] for target in rendered["targets"]] == ["A", "B"]


def test_the_title_is_the_label_with_the_unit_and_the_end_that_nobody_would_guess() -> None:
    assert FeaturePanel(DailyRequests).title == "Requests per day"
    assert FeaturePanel(Evenness).title == "Work dealt out evenly, as by a dispatcher (nats)"
    assert FeaturePanel(AccountAge).title == "Age of the account (low stands out)"


def test_the_description_says_what_raises_it_what_it_misses_and_what_benign_traffic_does_the_same() -> None:
    assert FeaturePanel(DailyRequests).description.split("\n\n") == [
        "Unit: requests per day; high values stand out.",
        "Rises on: bulk use of one account.",
        "Blind to: campaigns spread over many light accounts.",
        "Benign causes: honest services, the heaviest accounts of all.",
    ]
    assert "Shown, without a vote." in FeaturePanel(QuotaEquality).description
