"""Every table ends, after the days of its migration or those that the settings say."""

from __future__ import annotations

import time

import numpy as np
import pytest

from streams.clickhouse import retention
from streams.clickhouse.client import ClickHouse
from streams.core.errors import SettingsError
from streams.core.settings import Settings


def test_every_table_has_an_end(clickhouse: ClickHouse) -> None:
    endless = {table for table, days in retention.days(clickhouse).items() if days is None}
    assert endless == retention.ENDLESS, f"{endless - retention.ENDLESS} would grow for ever: give each a TTL in its migration"


def test_the_settings_shorten_or_lengthen_an_end(clickhouse: ClickHouse, settings: Settings) -> None:
    chosen = settings.model_copy(update={"table_days": "requests=7,labels=2000"})
    before = retention.days(clickhouse)
    assert retention.apply(clickhouse, chosen) == {"requests": 7, "labels": 2000}
    assert retention.apply(clickhouse, chosen) == {}
    assert retention.days(clickhouse) == before | {"requests": 7, "labels": 2000}


@pytest.mark.parametrize("table", ["migrations", "nothing", "x; DROP TABLE labels"])
def test_a_table_without_an_end_is_refused_by_name(clickhouse: ClickHouse, settings: Settings, table: str) -> None:
    with pytest.raises(SettingsError, match=r"the tables with an end are actions, alerts, "):
        retention.apply(clickhouse, settings.model_copy(update={"table_days": f"{table}=7"}))


def test_a_held_case_stays_after_its_days_and_others_go(clickhouse: ClickHouse) -> None:
    old = time.time() - 401 * 86_400
    clickhouse.query("SYSTEM STOP TTL MERGES cases")
    for name, payload in (("held", '{"hold": {"verdict": "hold"}}'), ("free", '{"hold": null}'), ("before", "{}")):
        row = {"case_id": [name], "updated_at": [round(old * 1000)], "payload": [payload]}
        clickhouse.insert(
            "cases", {column: np.array(values, object if column != "updated_at" else None) for column, values in row.items()}, name
        )
    clickhouse.query("SYSTEM START TTL MERGES cases")
    clickhouse.query("OPTIMIZE TABLE cases FINAL")
    assert clickhouse.query("SELECT case_id FROM cases") == [("held",)]
