"""The work of the two baselines, event by event, as River is meant to be used: decode, four statistics an account, one shared forest."""

from __future__ import annotations

import math
from typing import Any

import orjson
from river import anomaly, stats

TOPIC = "bench-events"
Row = tuple[str, str, float, float, float, float, float, float]
"""Event, account, seconds since the epoch, means and variances of tokens and of pauses, and how unusual the event is."""
_LIMITS: Any = {"input": (0.0, 14.0), "output": (0.0, 12.0), "gap": (0.0, 9.0), "turns": (0.0, 4.0)}


class Job:
    """State of all accounts, and the forest that they share (10 trees of height 8)."""

    def __init__(self) -> None:
        """Start empty."""
        self._accounts: dict[str, tuple[Any, Any, Any, Any]] = {}
        self._last: dict[str, float] = {}
        self._forest: Any = anomaly.HalfSpaceTrees(n_trees=10, height=8, window_size=250, limits=_LIMITS, seed=1)

    def handle(self, value: bytes) -> float:
        """Count one JSON event; return how unusual it is."""
        return self.row(value)[-1]

    def row(self, value: bytes) -> Row:
        """Count one JSON event; return its row. A number that an event lacks counts as 0."""
        event = orjson.loads(value)
        account, now = event["account.id"], event["timestamp"]
        held = self._accounts.get(account)
        if held is None:
            held = self._accounts[account] = (stats.EWMean(0.1), stats.EWVar(0.1), stats.EWMean(0.1), stats.EWVar(0.1))
        tokens = math.log1p(event.get("gen_ai.usage.output_tokens", 0))
        gap = math.log1p(max(now - self._last.get(account, now), 0.0))
        self._last[account] = now
        for statistic, number in zip(held, (tokens, tokens, gap, gap), strict=True):
            statistic.update(number)
        seen = {
            "input": math.log1p(event.get("gen_ai.usage.input_tokens", 0)),
            "output": tokens,
            "gap": held[2].get(),
            "turns": math.log1p(event.get("message_count", 0)),
        }
        score: float = self._forest.score_one(seen)
        self._forest.learn_one(seen)
        return (event["event.id"], account, now, held[0].get(), held[1].get(), held[2].get(), held[3].get(), score)
