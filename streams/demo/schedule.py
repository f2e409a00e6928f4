"""When requests happen: people by day in sittings, API clients in bursts, dispatchers evenly.

Times are seconds after the log's start; spans are in seconds. Every draw comes from the generator that is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.durations import DAY

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WAKING = np.array([3, 2, 1, 1, 1, 2, 5, 9, 14, 18, 20, 19, 16, 18, 19, 18, 17, 16, 17, 19, 20, 18, 12, 7], dtype=float)
"""Requests by local hour of the people of one time zone (relative)."""


@dataclass(frozen=True, slots=True)
class Talks:
    """Conversations, one element per request: its owner, conversation, turn (0 is the first) and time."""

    owner: Ints
    talk: Ints
    turn: Ints
    time: Floats

    def first(self, count: int) -> Talks:
        """Keep the first `count` requests as drawn (not by time)."""
        return Talks(self.owner[:count], self.talk[:count], self.turn[:count], self.time[:count])


def heavy_tailed(rng: np.random.Generator, people: int, spread: float = 1.2) -> Floats:
    """Draw people's shares of use, (people,): log-normal with this `spread` (deviation of the logarithm), with the sum 1."""
    weights = rng.lognormal(0.0, spread, people)
    shares: Floats = weights / weights.sum()
    return shares


def by_day(rng: np.random.Generator, phase: Floats, span: float, waking: Floats = WAKING) -> Floats:
    """Draw one moment for each of the given time zones (`phase`, in seconds), within `span` seconds.

    waking: share of a day's requests by local hour, (24,).
    """
    hours = rng.choice(24, size=len(phase), p=waking / waking.sum())
    days = rng.integers(0, max(1, int(np.ceil(span / DAY))), len(phase))
    moment: Floats = (days * DAY + (hours + rng.random(len(phase))) * 3600 - phase) % span
    return moment


def talks(  # noqa: PLR0913
    rng: np.random.Generator,
    shares: Floats,
    phase: Floats,
    requests: int,
    span: float,
    *,
    turns: float = 3.0,
    pause: float = 60.0,
    waking: Floats = WAKING,
) -> Talks:
    """Draw `requests` requests of people, who chat in conversations and pause to read and think. With enough requests each comes once.

    Args:
        rng: The generator.
        shares: Each person's share of the conversations, summing to 1.
        phase: Each person's time zone and habit, in seconds.
        requests: How many requests in all.
        span: Length of the log in seconds.
        turns: Mean turns of a conversation; lengths are geometric.
        pause: Median seconds between turns.
        waking: Relative activity by local hour.
    """
    count = max(1, requests)  # a conversation has one turn at least, so these suffice
    length = rng.geometric(1.0 / turns, count)
    everybody = rng.permutation(len(shares))[:count]
    owner = np.concatenate([everybody, rng.choice(len(shares), size=count - len(everybody), p=shares)])
    start = by_day(rng, phase[owner], span, waking)
    talk = np.repeat(np.arange(count), length)
    turn = np.arange(len(talk)) - np.repeat(np.cumsum(length) - length, length)
    pauses = np.where(turn == 0, 0.0, rng.lognormal(np.log(pause), 0.9, len(talk)))
    elapsed = np.cumsum(pauses)
    elapsed -= np.repeat(elapsed[np.cumsum(length) - length], length)
    last = elapsed[np.cumsum(length) - 1]
    moment = np.clip(np.minimum(start, span - last)[talk] + elapsed, 0, span)
    return Talks(owner[talk], talk, turn, moment).first(requests)


def bursts(rng: np.random.Generator, requests: int, span: float, variation: float = 1.4, rate: Floats | None = None) -> Floats:
    """Draw the times of an API client's requests, (requests,): gamma gaps of the given coefficient of variation, under a rate profile.

    `rate` holds relative rates of equal windows over the span; None is a flat day.
    """
    shape = 1.0 / variation**2
    position = np.cumsum(rng.gamma(shape, size=requests))
    position *= rng.uniform(0.97, 1.0) / position[-1] if requests else 1.0
    if rate is None:
        flat: Floats = position * span
        return flat
    grown = np.concatenate([[0.0], np.cumsum(rate)]) / np.sum(rate)
    moment: Floats = np.interp(position, grown, np.linspace(0.0, span, len(grown)))
    return moment


def dealt(rng: np.random.Generator, members: int, requests: int, span: float, jitter: float = 1.0) -> tuple[Ints, Floats]:
    """Draw a dispatcher's work: round after round over its members, evenly over the span.

    Returns members and times, (requests,) each. `jitter` is in slots: 0 is a clock, 1 looks random.
    """
    rounds = -(-requests // members)
    member = np.concatenate([rng.permutation(members) for _ in range(rounds)])[:requests]
    slot = (np.arange(requests) + rng.uniform(0, jitter, requests)) / requests
    moment: Floats = np.sort(slot * span) % span
    return member.astype(np.int64), moment
