from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report import load, main, show, summary
from rich.console import Console


def _truth(account: str, persona: str, campaign: str | None = None, *, permitted: bool = False) -> dict[str, Any]:
    return {"account_id": account, "persona": persona, "campaign": campaign, "permitted": permitted}


def _said(account: str, extraction: float, first: float | None = None) -> dict[str, Any]:
    alert = None if first is None else datetime.fromtimestamp(first, UTC)
    return {"account_id": account, "extraction": extraction, "routing": 1.0, "alerted": first is not None, "first_alert_at": alert}


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Path]:
    """One campaign of two accounts and ten requests, one of which is alerted at its fourth second; one innocent alerted; one permitted."""
    truths = [
        _truth("a", "hydra cluster", "hydra"),
        _truth("b", "hydra cluster", "hydra"),
        _truth("c", "ordinary"),
        _truth("d", "hackathon"),
        _truth("p", "permitted synthetic data", permitted=True),
    ]
    said = [_said("a", 20.0, 4.0), _said("b", 9.0), _said("d", 16.0, 5.0), _said("p", 30.0, 1.0)]
    pq.write_table(pa.Table.from_pylist(truths), tmp_path / "truth.parquet")
    times = [{"account_id": account, "time": float(second)} for account in ("a", "b") for second in range(5)]
    pq.write_table(pa.Table.from_pylist(times), tmp_path / "times.parquet")
    pq.write_table(pa.Table.from_pylist(said), tmp_path / "accounts.parquet")
    return tmp_path, tmp_path


def test_a_campaign_is_found_when_half_of_its_accounts_are_alerted(run: tuple[Path, Path]) -> None:
    (campaign,) = load(*run).campaigns
    assert (campaign.alerted, campaign.accounts, campaign.found) == (1, 2, True)


def test_the_leak_is_what_all_accounts_were_served_before_the_first_alert(run: tuple[Path, Path]) -> None:
    (campaign,) = load(*run).campaigns
    assert campaign.leak == 8 / 10


def test_permitted_parties_are_no_false_alerts_and_are_shown_apart(run: tuple[Path, Path]) -> None:
    figures = summary([load(*run)])
    assert figures["benign_alerted"][0] == 0.5
    personas = {row["persona"]: row for row in figures["personas"]}
    assert personas["permitted synthetic data"]["permitted"]
    assert personas["hackathon"]["alerted"] == 1


def test_an_account_that_the_replay_does_not_know_ranks_last(run: tuple[Path, Path]) -> None:
    figures = summary([load(*run)])
    assert figures["auc"][0] == 0.75  # of four pairs, only (b, d) is the wrong way round


def test_the_report_prints_and_writes_json(run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--run", *map(str, run), "--json", str(tmp_path / "report.json")])
    assert "hydra cluster" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["campaigns_found"][0] == 1.0


def test_runs_of_several_seeds_are_pooled(run: tuple[Path, Path]) -> None:
    figures = summary([load(*run), load(*run)])
    text = io.StringIO()
    show(figures, Console(file=text, width=150))
    assert figures["campaigns"][0]["found"] == "2/2"
    assert "2 run(s)" in text.getvalue()
