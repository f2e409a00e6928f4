"""What missing fields cost, for those who only show it."""

from __future__ import annotations

import pytest

from streams.intake.formats.registry import all_formats
from streams.replay import lacking_costs
from streams.replay.lacking_costs import ALL_FIELDS, WITHOUT, Cost, Costs, cost_without, groups_within, sentences
from streams.schema.event import NAMES

PROMPTS = {"prompt", "system_prompt"}
TOKENS = {name for name in NAMES if name.startswith("gen_ai.usage.")}


@pytest.fixture
def three_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Cost(ALL_FIELDS, 7, 10), Cost("without token counts", 0, 1), Cost("kong", 0, 3)]
    monkeypatch.setattr(lacking_costs, "stored", lambda: Costs("abc", 11, rows))


def test_the_stored_table_has_a_row_for_all_fields_for_each_gateway_and_for_each_group() -> None:
    rows = {row.log for row in lacking_costs.stored().rows}
    assert rows >= {ALL_FIELDS, *(f"without {name}" for name in WITHOUT)}
    assert rows >= {known.name for known in all_formats() if known.readable and known.fields and known.name != "otlp"}
    assert lacking_costs.stored().campaigns > 0


def test_a_group_counts_as_missing_when_all_of_it_is() -> None:
    assert list(groups_within(PROMPTS)) == ["prompt"]
    assert "token counts" not in groups_within(TOKENS - {"gen_ai.usage.input_tokens"})


@pytest.mark.usefixtures("three_logs")
def test_a_field_costs_what_its_group_costs_where_the_whole_group_is_missing() -> None:
    assert cost_without("gen_ai.usage.output_tokens", TOKENS) == "0 (1) of 11, without token counts"
    assert cost_without("gen_ai.usage.output_tokens", {"gen_ai.usage.output_tokens"}) == ""
    assert cost_without("prompt", PROMPTS) == "", "not measured"


@pytest.mark.usefixtures("three_logs")
def test_the_sentences_compare_all_fields_with_those_of_the_logs_own_formats() -> None:
    first, second, third = sentences(["kong", "canonical"])
    assert first.endswith("7 (10) of 11, where a log has all fields.")
    assert second == "With the fields of kong alone: 0 (3) of 11."
    assert "chance" in third


def test_nothing_is_said_without_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lacking_costs, "stored", lambda: Costs("", 0, []))
    assert sentences(["kong"]) == []
    assert cost_without("prompt", PROMPTS) == ""
