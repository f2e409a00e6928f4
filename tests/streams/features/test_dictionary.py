from __future__ import annotations

import json

from streams.features.account.daily_output import DailyOutput
from streams.features.dictionary import as_json, as_markdown, entry
from streams.features.group.evenness import Evenness


def test_an_entry_is_what_the_feature_declares() -> None:
    row = entry(DailyOutput)
    assert (row.name, row.entity, row.family, row.unit, row.scale) == ("daily_output", "account", "volume", "tokens per day", "ln(1+x)")
    assert row.accumulators == (
        "sum of output_tokens given output_tokens over 86400 s",
        "sum of requests given output_tokens over 86400 s",
    )


def test_a_group_keeps_nothing_of_its_own() -> None:
    assert entry(Evenness).accumulators == ()


def test_markdown_has_a_row_a_feature_below_two_of_head() -> None:
    lines = as_markdown([DailyOutput, Evenness]).splitlines()
    assert lines[0].startswith("| name | entity | family |")
    assert lines[2].startswith("| daily_output | account | volume | Output tokens per day |")
    assert [line.count("|") for line in lines] == [13] * 4


def test_json_is_an_object_a_feature() -> None:
    assert [row["limits"] for row in json.loads(as_json([DailyOutput, Evenness]))] == [[0, 21], [-50, 50]]
