"""What a log shows: how much of each field is known, and what is blind without the rest."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from models.evidence.families import FAMILIES
from streams.replay.coverage import Coverage, families, lacks, tables
from streams.replay.lacking_costs import stored
from streams.schema.blocks import Block
from streams.schema.layouts import REQUESTS
from streams.schema.replay_files import CoverageReport, FieldCoverage
from streams.testing.feature_trial import block_of

ROWS = 200


def found(**columns: Any) -> CoverageReport:
    coverage = Coverage()
    coverage.add(block(**columns))
    return coverage.report()


def block(**columns: Any) -> Block:
    """Requests of which everything is known, and differs from row to row, but for the columns given."""
    return block_of({name: _different(kind) for name, kind in REQUESTS.columns.items() if kind != "shingles"} | columns)


def _different(kind: str) -> Any:
    return [f"word {row}" for row in range(ROWS)] if kind == "text" else np.arange(1, ROWS + 1)


def entry(report: CoverageReport, name: str) -> FieldCoverage:
    (one,) = [each for each in report.fields if each.field == name]
    return one


def test_a_field_that_is_never_known_blinds_what_reads_it() -> None:
    report = found(payment=0)
    payment = entry(report, "payment.hash")
    assert (payment.share, payment.constant) == (0.0, False)
    assert {"card_sharing", "groups by payment", "shared_cards"} <= set(payment.blinds)
    assert entry(report, "http.response.status_code").blinds == []


def test_the_share_counts_known_values_over_all_blocks() -> None:
    coverage = Coverage()
    coverage.add(block())
    coverage.add(block(payment=0))
    assert entry(coverage.report(), "payment.hash").share == 0.5


def test_one_prompt_for_everybody_is_as_blind_as_none() -> None:
    redacted, own = found(simhash=7, system_template=7), found()
    assert entry(redacted, "prompt").constant
    assert "shared_template" in redacted.blind
    assert "asks_reasoning" in entry(redacted, "prompt").blinds
    assert not entry(own, "prompt").constant
    assert "asks_reasoning" not in entry(own, "prompt").blinds
    assert "shared_template" not in found(simhash=7).blind, "system prompts are templates too"


@pytest.mark.parametrize("name", ["payment", "cohort"])
def test_a_family_is_blind_when_none_of_its_features_can_tell_accounts_apart(name: str) -> None:
    counts = {family: (seen, total) for family, seen, total in families(frozenset({"card_sharing", "shared_cards"}))}
    assert set(counts) == set(FAMILIES)
    assert (counts[name][0] == 0) == (name == "payment")


def test_the_tables_show_what_is_missing_and_nothing_that_is_whole() -> None:
    console = Console(file=io.StringIO(), width=160)
    for table in tables(found(payment=0)):
        console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "payment.hash" in shown
    assert "blind" in shown
    assert "http.response.status_code" not in shown


def test_a_field_that_is_never_known_has_a_cost_and_one_that_is_there_now_and_then_has_none() -> None:
    def cost(share: float) -> str:
        prompts = [FieldCoverage(name, share, constant=False, blinds=[]) for name in ("prompt", "system_prompt")]
        return lacks(CoverageReport(events=100, fields=prompts, blind=[], families={}))[0].cost

    assert cost(0.0).endswith(f"of {stored().campaigns}")
    assert cost(0.8) == ""
