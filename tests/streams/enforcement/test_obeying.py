"""A gateway obeys an order until it expires, and no longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.core.settings import Settings
from streams.enforcement.connectors.litellm import Connector
from streams.enforcement.obeying import Obeying
from streams.enforcement.orders import Order, notice, orders
from streams.schema.actions import EnforcementDecision, EnforcementPayload

NOW = 1_795_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def order(measure: str, *accounts: str, **other: Any) -> Order:
    fields = {
        "order_id": "0" * 16,
        "measure": measure,
        "rate": 0.0,
        "accounts": list(accounts),
        "keys": [],
        "expires": NOW + 60,
        "notice": "n",
    }
    return msgspec.convert({**fields, **other}, Order)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def obeying(path: Path, clock: Clock, *given: Order) -> Obeying:
    connector = Connector.open(str(path / "orders.json"), Settings(mode="local"))
    for one in given:
        connector.put(one)
    return Obeying(path / "orders.json", clock)


@pytest.mark.parametrize(
    ("measure", "does"), [("ban", "refuse"), ("suspend_key", "refuse"), ("step_up", "refuse"), ("hide_reasoning", "strip")]
)
def test_an_order_holds_for_its_accounts_until_it_expires(tmp_path: Path, clock: Clock, measure: str, does: str) -> None:
    gateway = obeying(tmp_path, clock, order(measure, "ada"))
    assert gateway.rule(["ada"]).does == does
    assert gateway.rule(["bob"]).does == "serve"
    clock.now = NOW + 60
    assert gateway.rule(["ada"]).does == "serve"


def test_a_canary_is_served_beside_whatever_else_is_ordered_until_it_expires(tmp_path: Path, clock: Clock) -> None:
    gateway = obeying(tmp_path, clock, order("canary", "ada"), order("hide_reasoning", "ada", order_id="1" * 16))
    assert [(gateway.rule([who]).does, gateway.rule([who]).canary) for who in ("ada", "bob")] == [("strip", True), ("serve", False)]
    clock.now = NOW + 60
    assert not gateway.rule(["ada"]).canary


def test_a_cap_counts_the_group_together_within_a_minute(tmp_path: Path, clock: Clock) -> None:
    gateway = obeying(tmp_path, clock, order("rate_cap", "ada", "bob", rate=3.0, expires=NOW + 600))
    assert [gateway.rule([who]).does for who in ("ada", "bob", "ada", "bob", "ada")] == ["serve", "serve", "serve", "limit", "limit"]
    clock.now = NOW + 60
    assert gateway.rule(["bob"]).does == "serve"


def test_an_order_on_a_key_leaves_the_accounts_other_keys_alone(tmp_path: Path, clock: Clock) -> None:
    gateway = obeying(tmp_path, clock, order("suspend_key", "ada", keys=["key-1"]))
    assert [gateway.rule(["ada", key]).does for key in ("key-1", "key-2")] == ["refuse", "serve"]


def test_a_file_that_breaks_neither_bans_nor_frees_anybody(tmp_path: Path, clock: Clock) -> None:
    gateway = obeying(tmp_path, clock, order("ban", "ada"))
    assert gateway.rule(["ada"]).does == "refuse"
    (tmp_path / "orders.json").write_text("broken")
    assert [gateway.rule([who]).does for who in ("ada", "bob")] == ["refuse", "serve"]
    (tmp_path / "orders.json").unlink()
    assert gateway.rule(["ada"]).does == "refuse"


def test_without_a_file_everybody_is_served(tmp_path: Path, clock: Clock) -> None:
    assert Obeying(tmp_path / "none", clock).rule(["ada"]).does == "serve"


def decision(**other: Any) -> EnforcementDecision:
    fields: dict[str, Any] = {
        "decision_id": "0" * 16, "time": NOW, "state": "approved", "case_id": "case-1", "step": "L1", "measure": "rate_cap", "rate": 60.0,
        "clause": "competing-models", "reason": "content has 7 nats", "author": "ada", "approver": "bob", "starts": NOW,
        "expires": NOW + 3600, "payload": EnforcementPayload({f"acct-{number}": [] for number in range(1000)}),
    }  # fmt: skip
    return EnforcementDecision(**{**fields, **other})


def test_only_a_decision_in_force_becomes_an_order() -> None:
    assert list(orders([decision()], NOW)) == ["0" * 16]
    assert (
        orders([decision()], NOW + 3600)
        == orders([decision(state="undone")], NOW)
        == orders([decision(state="proposed", approver="")], NOW)
        == {}
    )


def test_a_canary_begins_with_a_share_of_the_accounts_the_same_each_time() -> None:
    tenth, half = (set(orders([decision()], NOW, canary)["0" * 16].accounts) for canary in (0.1, 0.5))
    assert 60 < len(tenth) < 140
    assert tenth < half
    assert orders([decision()], NOW, 0.0) == {}


def test_a_notice_without_a_clause_names_the_terms_alone() -> None:
    assert " (UTC), under the terms of use. To appeal" in notice(msgspec.structs.replace(decision(), clause=""))


def test_an_account_holder_is_told_what_until_when_and_how_to_appeal_and_nothing_of_the_evidence() -> None:
    text = notice(decision())
    assert text == (
        "Requests of this group of accounts are limited to 60 per minute in total until 2026-11-18 12:06 (UTC), under clause "
        "competing-models of the terms of use. To appeal, answer with the reference 0000000000000000."
    )
    assert "nats" not in text
