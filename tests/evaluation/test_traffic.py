from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import software
from attackers import Grid, development, held_out
from corpora import _stand_in, corpora
from crowds import innocents
from traffic import main, truth, world
from wording import swapped

from streams.demo.log import Log
from streams.schema.event import Event

pytestmark = pytest.mark.slow

GOALS = {
    "loud single account",
    "hydra cluster",
    "mixed with ordinary traffic",
    "graders",
    "agentic harvest",
    "stack-diversified slow drip",
    "release pivot",
    "seed-corpus replay",
    "unknown language",
    "no elicitation phrase",
    "campaign through a reseller's relay",
}


@pytest.fixture(scope="module")
def log() -> Log:
    return world("held_out", seed=5, people=600)


@pytest.fixture(scope="module")
def events(log: Log) -> list[Event]:
    return [json.loads(line) for line in log.lines()]


def test_every_kind_of_campaign_of_the_goals_is_held_out_and_five_are_unknown_to_development() -> None:
    assert {band.persona for band in held_out()} == GOALS
    assert len(GOALS - {band.persona for band in development()}) == 5


def test_development_and_held_out_share_no_campaign_template() -> None:
    said = [
        {writer(number, 0) for band in bands for writer in band.writers for number in range(40)} for bands in (development(), held_out())
    ]
    assert not said[0] & said[1]


def test_each_campaign_has_a_relay_of_its_own_and_resellers_carry_one() -> None:
    shapes = [stack.facts()["http.request.body.shape"] for band in (*development(), *held_out()) for stack in band.stacks[:1]]
    public = {stack.facts()["http.request.body.shape"] for stack in (*software.PUBLIC, *software.SHOP)}
    relays = [shape for shape in shapes if shape not in public]
    assert len(relays) == len(set(relays)) == 13


def test_the_same_seed_writes_the_same_bytes(log: Log) -> None:
    again = world("held_out", seed=5, people=600)
    assert [line for line, _ in zip(log.lines(), range(3000), strict=False)] == [
        line for line, _ in zip(again.lines(), range(3000), strict=False)
    ]


def test_truth_names_each_account_once_with_its_first_request(log: Log, events: list[Event]) -> None:
    first: dict[str, float] = {}
    for event in events:
        first.setdefault(event["account.id"], event["timestamp"])
    rows = truth(log).to_pylist()
    assert {row["account_id"] for row in rows} == set(first)
    assert max(abs(row["first_request"].timestamp() - first[row["account_id"]]) for row in rows) < 0.01


def test_nobody_asks_before_the_account_exists(log: Log, events: list[Event]) -> None:
    born = {event["account.id"]: event["account.created"] for event in events}
    joined = [row for row in truth(log).to_pylist() if row["first_request"].isoformat() < born[row["account_id"]]]
    assert joined == []


def test_api_customers_are_as_bursty_as_real_ones(log: Log) -> None:
    columns = log.columns()
    tenants = {index for index, role in enumerate(log.roles) if role.persona == "api tenant"}
    gaps = []
    for tenant in tenants:
        moments = columns["time"][columns["account"] == tenant]
        near = np.diff(moments)[np.diff(moments) < 1800]
        if len(near) > 100:
            gaps.append(near.std() / near.mean())
    assert 1.0 < np.median(gaps) < 2.5


def test_benign_accounts_roam_reason_answer_at_length_and_share_cards(log: Log, events: list[Event]) -> None:
    guilty = {role.account_id for role in log.roles if role.is_attacker}
    networks, organizations = defaultdict(set), defaultdict(set)
    for event in events:
        if event["account.id"] not in guilty:
            networks[event["account.id"]].add(event["client.address"])
            organizations[event["payment.hash"]].add(event["organization.id"])
    assert sum(len(found) > 1 for found in networks.values()) > 200
    assert max(map(len, organizations.values())) >= 18
    innocent = [event for event in events if event["account.id"] not in guilty]
    assert sum(event["gen_ai.usage.output_tokens"] > 800 for event in innocent) > 2000
    assert sum("gen_ai.usage.reasoning.output_tokens" in event for event in innocent) > 10_000


def test_some_campaigns_have_aged_accounts_clean_cards_and_stay_in_place() -> None:
    assert any(band.age and min(band.age) >= 20 and not band.cards for band in held_out())
    assert any(band.network == "isp" for band in held_out())


def test_a_grid_sets_mix_accounts_and_rate() -> None:
    log = world("dev", seed=1, people=200, grid=Grid(mix=0.25, accounts=10, rate=5))
    campaign = [index for index, role in enumerate(log.roles) if role.is_attacker]
    assert len(campaign) == 10
    assert np.isin(log.columns()["account"], campaign).sum() == 10 * 5 * 4


def test_graders_ask_each_pair_in_both_orders() -> None:
    compose = swapped("[1] {task} [2] {other}", "exams")
    one, two = compose(10, 0), compose(11, 0)
    first, second = one.removeprefix("[1] ").split(" [2] ")
    assert two == f"[1] {second} [2] {first}"


def test_without_the_shared_data_our_own_grammar_stands_in() -> None:
    stand_in = _stand_in()
    assert not stand_in.real
    assert all(len(getattr(stand_in, name)) > 100 for name in ("chats", "maths", "exams", "code", "seeds", "functions", "jailbreaks"))


@pytest.mark.skipif(not corpora().real, reason="needs the real prompts and client rates of ../shared/data")
def test_full_size_is_nine_thousand_accounts_four_percent_attackers() -> None:
    accounts = sum(band.accounts for band in [*innocents("held_out"), *held_out()])
    attackers = sum(band.accounts for band in held_out())
    assert 8_500 < accounts < 9_500
    assert 0.035 < attackers / accounts < 0.045


def test_the_program_writes_events_truth_and_permitted_parties(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--split", "dev", "--seed", "2", "--people", "100", "--calm", "--out", str(tmp_path)])
    lines = pa.input_stream(str(tmp_path / "events.jsonl.zst"), compression="zstd").read().splitlines()
    assert f"{len(lines)} requests" in capsys.readouterr().out
    assert not any(pq.read_table(tmp_path / "truth.parquet")["is_attacker"].to_pylist())
    assert "authorised aggregator" in (tmp_path / "permitted.toml").read_text()
