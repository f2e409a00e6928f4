"""Evidence blocks in small numbers: accounts and groups over the bar, as the stages before would send them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from models.evidence.families import FAMILIES
from models.evidence.links import CASE_LINKS
from streams.cases.policy import Policy
from streams.cases.stage import Cases
from streams.schema import blocks, topics
from streams.schema.labels import Label
from streams.stages.stage import Message

FEATURES = ["daily_output", "fresh_questions"]


def row(kind: str, name: str, account: str | None = None, at: float = 0.0, **facts: Any) -> dict[str, Any]:
    """One row of evidence: an entity, or with `account` one of its members."""
    said = {
        "extraction": 0.0,
        "rule": None,
        "routing": 0.0,
        "accounts": 1.0,
        "common": 0.0,
        "population": 10_000.0,
        "false_alerts": float("nan"),
        "requests": 10.0,
        "handed_over": float("nan"),
    }
    said |= {"output_tokens": 1000.0, "first": 0.0, **dict.fromkeys(CASE_LINKS, 0)}
    return said | {"time": at, "entity_kind": kind, "entity_id": name, "account_id": account, "nats_of": {"content": 7.0}} | facts


def encoded(rows: Sequence[dict[str, Any]]) -> bytes:
    columns: dict[str, Any] = {name: [each[name] for each in rows] for name in ("entity_kind", "entity_id", "account_id", "rule")}
    plain = (
        *("time", "accounts", "common", "population", "requests", "output_tokens", "first"),
        *("extraction", "routing", "handed_over", "false_alerts"),
    )
    columns |= {name: np.array([each[name] for each in rows], np.float64) for name in plain}
    columns |= {name: np.array([each[name] for each in rows], np.uint64) for name in CASE_LINKS}
    unsaid = [name for name, kind in blocks.EVIDENCE.columns.items() if kind in {"number", "time"} and name not in columns]
    columns |= {name: np.full(len(rows), np.nan) for name in unsaid}  # what a test does not speak of is unknown
    columns["families"] = np.array([[each["nats_of"].get(name, 0.0) for name in FAMILIES] for each in rows])
    columns["counted"] = np.array([[each.get("counted_of", {}).get(name, np.nan) for name in FAMILIES] for each in rows])
    values = np.tile([11.0, 0.8], (len(rows), 1))
    columns |= {"features": values, "nats": np.tile([1.5, 3.2], (len(rows), 1))}
    columns |= {"usual_low": np.tile([8.0, 0.0], (len(rows), 1)), "usual_high": np.tile([9.0, 0.4], (len(rows), 1))}
    return blocks.EVIDENCE.encode(columns, {"features": FEATURES, "families": list(FAMILIES)})


class Desk:
    """A cases stage, and what it has said. Blocks are numbered by themselves, and kept so that they can be played again."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy
        self.stage = Cases(policy)
        self.blocks: list[bytes] = []
        self.said: list[Message] = []

    def hears(self, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        """Apply one block; return the alerts that it gave rise to."""
        self.blocks.append(encoded(rows))
        return self.take(self.stage.apply(self.blocks[-1], len(self.blocks) - 1))

    def learns(self, label: Label) -> list[dict[str, Any]]:
        return self.take(self.stage.apply_feedback(label.encode(), 0))

    def take(self, messages: list[Message]) -> list[dict[str, Any]]:
        self.said += messages
        return [orjson.loads(message.value) for message in messages if message.topic == topics.ALERTS]

    @property
    def versions(self) -> list[dict[str, Any]]:
        """Every version of every case that was sent, in order."""
        return [orjson.loads(message.value) for message in self.said if message.topic == topics.CASES]

    @property
    def newest(self) -> dict[str, dict[str, Any]]:
        """The newest row of every case, by id."""
        return {each["case_id"]: each for each in self.versions}

    @property
    def open(self) -> list[dict[str, Any]]:
        return [each for each in self.newest.values() if each["state"] == "open"]


def suspects(kind: str, name: str, who: Sequence[str], at: float = 0.0, **facts: Any) -> list[dict[str, Any]]:
    """A group's own row, and one for each member over the bar."""
    facts = {"extraction": 20.0, **facts, "accounts": float(facts.pop("accounts", len(who)))}
    if kind != "account":
        facts = {kind: int(name, 16), **facts}
    return [row(kind, name, None, at, **facts), *(row(kind, name, account, at, **facts) for account in who)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def make_desk() -> Callable[[Policy | None], Desk]:
    return Desk


@pytest.fixture
def an_account() -> Callable[..., dict[str, Any]]:
    """An account's own evidence: `an_account("ada", at=5.0, extraction=20.0)`."""
    return lambda name, at=0.0, **facts: row("account", name, None, at, **facts)


@pytest.fixture
def a_group() -> Callable[..., list[dict[str, Any]]]:
    """A group and its suspects: `a_group("router", "00000000000000aa", ["ada", "bob", "eve"], at=5.0)`."""
    return suspects


@pytest.fixture
def evidence() -> Callable[..., bytes]:
    """Rows as a block of evidence."""
    return encoded
