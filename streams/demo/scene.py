"""The building blocks of every persona: accounts, locations and conversations, drawn into one log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.durations import DAY
from streams.demo import stacks
from streams.demo.log import Log, TrueRole
from streams.demo.schedule import Talks

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

COUNTRIES = ("US", "DE", "ES", "FR", "CN", "BR", "IN", "GB", "JP", "NG")
HOURS_EAST = np.array([-6, 1, 1, 1, 8, -3, 5.5, 0, 9, 1])
_MAX_SEEDS = 2**62


@dataclass(frozen=True)
class Scene:
    """The log being written, its generator, and its time window in seconds since 1970."""

    log: Log
    start: float
    span: float

    @property
    def rng(self) -> np.random.Generator:
        """The generator that all draws come from."""
        return self.log.rng

    def token(self, prefix: str) -> str:
        """Draw a random identifier."""
        return f"{prefix}-{self.rng.integers(0, 2**48):012x}"

    def day(self, days_before: float) -> str:
        """Return the RFC 3339 time that many days before the log starts."""
        return datetime.fromtimestamp(self.start - days_before * DAY, UTC).isoformat(timespec="seconds")

    def account(self, persona: str, age: float, campaign: str | None = None, **facts: Any) -> int:
        """Register an account of that `persona`, and `age` in days; facts given here replace the drawn organisation, key and card."""
        known = {
            "account.created": self.day(age),
            "organization.id": self.token("org"),
            "api_key.id": self.token("key"),
            "payment.hash": self.token("card"),
        }
        given = {_WIRE[key]: value for key, value in facts.items()}
        return self.log.account(TrueRole(self.token("acct"), persona, campaign), known | given)

    def ages(self, count: int) -> Floats:
        """Draw ordinary accounts' ages in days, (count,): some joined this week, most long ago."""
        ages: Floats = self.rng.exponential(240.0, count)
        return ages

    def seeds(self, count: int) -> Ints:
        """Draw prompt seeds."""
        return self.rng.integers(0, _MAX_SEEDS, count)

    def stack(self, stack: stacks.Stack) -> int:
        """Register a client program."""
        return self.log.facts(stack.facts())

    def location(self, kind: str, number: int, country: str) -> int:
        """Draw an address in network `number` of a `kind` (isp, cloud, vpn...), and register it."""
        return self.log.facts(stacks.location(self.rng, kind, number, country))

    def haunts(self, country: int) -> list[int]:
        """Draw a person's locations: at home, on the phone's network, and for some an office, a campus or a VPN."""
        code = COUNTRIES[country]
        locations = [self.location("isp", 100 + 4 * country + int(self.rng.integers(3)), code), self.location("isp", 200 + country, code)]
        third = str(self.rng.choice(["", "vpn", "education", "business"], p=[0.65, 0.15, 0.07, 0.13]))
        if third == "vpn":
            locations.append(self.location(third, int(self.rng.integers(6)), COUNTRIES[self.rng.integers(len(COUNTRIES))]))
        elif third:
            locations.append(self.location(third, 300 + int(self.rng.integers(40)), code))
        return locations

    def call(self, operation: str = "chat", **parameters: Any) -> int:
        """Register a kind of call: operation, `gen_ai.request.*` parameters, tools and system prompt."""
        facts = {"gen_ai.operation.name": operation, "gen_ai.provider.name": "hydro", **{_WIRE[key]: v for key, v in parameters.items()}}
        return self.log.facts(facts)


_WIRE = {
    "organization": "organization.id",
    "key": "api_key.id",
    "card": "payment.hash",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "stream": "gen_ai.request.stream",
    "choices": "gen_ai.request.choice.count",
    "tools": "tool_count",
    "tool_hash": "tool_hash",
    "system": "system_prompt",
}


def tokens(rng: np.random.Generator, count: int, median: float, spread: float, most: int = 200_000) -> Ints:
    """Draw `count` log-normal token counts of this `median` and `spread` (deviation of the logarithm), 1 to `most`."""
    return np.clip(rng.lognormal(np.log(median), spread, count), 1, most).astype(np.int64)


def chosen(rng: np.random.Generator, talks: Talks, choices: Sequence[Sequence[int]]) -> Ints:
    """Choose one of its owner's choices for each conversation: the first for two thirds of them."""
    most = max(map(len, choices))
    table = np.array([[*each, *[each[0]] * (most - len(each))] for each in choices])
    talk_count = int(talks.talk.max(initial=0)) + 1
    column = rng.binomial(1, 0.35, talk_count) * rng.integers(min(1, most - 1), most, talk_count)
    picked: Ints = table[talks.owner, column[talks.talk]]
    return picked
