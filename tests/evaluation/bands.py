"""A band is a set of accounts that behave alike; this module draws its requests into a log.

Benign personas and campaigns are declared with the same words and drawn by the same code, so that no trace of *how* they were
made tells them apart: only what they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from corpora import Ints, corpora
from numpy.typing import NDArray

from models.durations import DAY
from streams.demo.log import Requests, TrueRole, Writer
from streams.demo.scene import COUNTRIES, HOURS_EAST, Scene, chosen, tokens
from streams.demo.schedule import WAKING, Talks, dealt, talks
from streams.demo.stacks import Stack

Schedule = Literal["people", "bots", "dealt", "shifts", "tenants", "nightly"]

RELEASE = 2 * DAY
"""When the provider releases a new model, in seconds after the log's start."""

MODELS = ("atlas-large", "atlas-mini", "atlas-think", "atlas-next")
_THINK, _NEXT = 2, 3


@dataclass(frozen=True, kw_only=True)
class Band:
    """How a set of accounts behaves.

    Attributes:
        accounts, per_day: How many, and requests an account a day on average.
        spread: Sigma of the accounts' log-normal volumes: people 1.1, a dispatcher's quotas 0.05.
        organizations, cards: Over how many the accounts are spread; 0 gives each its own.
        age: Days between an account's creation and the log's start, drawn evenly; negative joins during the log. None: like people.
        window: Days of the log in which the band is active.
        stacks: Programs; each account has one (`mixed` off) or draws one a conversation.
        network: Kind of network, or "roam" for people who move between theirs. `places` addresses are shared; 0 gives each its own.
        writers: Prompt writers, drawn per conversation; one for each account when they are loyal.
        chat: Share of ordinary conversation that the same accounts carry.
        turns, pause: Mean turns of a conversation, and median seconds between them.
        given, answered: Median and log-spread of input and output tokens; None draws real pairs.
        thinking: Share of the output that is reasoning, for models that report it.
        models: Weights of the models; `adopts`: share that goes to the new model once it is out.
        end_users: How many end users the caller names; 0 names none.
        wires: Connections shared by the whole band; 0: each account opens its own every hour.
    """

    persona: str
    accounts: int
    per_day: float
    writers: tuple[Writer, ...]
    stacks: tuple[Stack, ...]
    campaign: str | None = None
    permitted: bool = False
    spread: float = 1.1
    organizations: int = 0
    cards: int = 0
    age: tuple[float, float] | None = None
    window: tuple[float, float] = (0.0, 4.0)
    mixed: bool = False
    network: str = "roam"
    places: int = 0
    country: int | None = None
    schedule: Schedule = "people"
    chat: float = 0.0
    turns: float = 1.0
    pause: float = 60.0
    calls: tuple[Mapping[str, Any], ...] = ({"stream": True},)
    given: tuple[float, float] | None = None
    answered: tuple[float, float] | None = None
    cached: float = 0.0
    thinking: float = 0.5
    models: tuple[float, float, float] = (0.5, 0.3, 0.2)
    adopts: float = 0.12
    end_users: int = 0
    wires: int = 0
    in_order: bool = False
    loyal: bool = False
    web: bool = False
    chat_writers: tuple[Writer, ...] = field(default=())


def draw(scene: Scene, band: Band) -> None:
    """Register the band's accounts and add its requests to the scene's log."""
    rng = scene.rng
    born, owners = _accounts(scene, band)
    length = (band.window[1] - band.window[0]) * DAY
    working = length / 2 if band.schedule == "shifts" else length
    total = max(1, round(band.accounts * band.per_day * working / DAY))
    home = rng.integers(0, len(COUNTRIES), band.accounts) if band.country is None else np.full(band.accounts, band.country)
    weights = rng.lognormal(0.0, band.spread, band.accounts)
    own = round(total * (1 - band.chat))
    member = _Members(owners, born, home, weights / weights.sum())
    if own:
        _requests(scene, band, member, _when(rng, band, member, own, length), band.writers)
    if total > own:
        casual = talks(rng, member.shares, _phase(rng, member.home), total - own, length, turns=3.0)
        _requests(scene, band, member, casual, band.chat_writers, chat=True)


@dataclass(frozen=True, slots=True)
class _Members:
    owners: Ints
    born: NDArray[np.float64]
    home: Ints
    shares: NDArray[np.float64]


def _accounts(scene: Scene, band: Band) -> tuple[NDArray[np.float64], Ints]:
    """Register accounts; return their births (seconds after the log's start, mostly negative) and their indices."""
    rng, count = scene.rng, band.accounts
    ages = scene.ages(count) if band.age is None else rng.uniform(min(band.age), max(band.age), count)
    organizations = [scene.token("org") for _ in range(band.organizations or count)]
    cards = [scene.token("card") for _ in range(band.cards or count)]
    owners = []
    for index, age in enumerate(ages):
        facts = {
            "account.created": scene.day(age),
            "organization.id": organizations[index % len(organizations)],
            "api_key.id": None if band.web else scene.token("key"),
            "payment.hash": cards[index % len(cards)],
        }
        owners.append(scene.log.account(TrueRole(scene.token("acct"), band.persona, band.campaign, band.permitted), facts))
    return -ages * DAY, np.array(owners)


def _phase(rng: np.random.Generator, home: Ints) -> NDArray[np.float64]:
    phase: NDArray[np.float64] = (HOURS_EAST[home] + rng.normal(0, 1.5, len(home))) * 3600
    return phase


def _when(rng: np.random.Generator, band: Band, member: _Members, requests: int, length: float) -> Talks:
    match band.schedule:
        case "people":
            phase = _phase(rng, member.home) + band.window[0] * DAY
            return talks(rng, member.shares, phase, requests, length, turns=band.turns, pause=band.pause)
        case "bots":
            flat = np.ones_like(WAKING)
            return talks(rng, member.shares, np.zeros(len(member.home)), requests, length, turns=band.turns, pause=band.pause, waking=flat)
        case "tenants":
            return _tenants(rng, member, requests, length)
        case "nightly":
            nights = rng.integers(0, max(1, int(length / DAY)), requests)
            moment = nights * DAY + 2 * 3600 + rng.uniform(0, 2.5 * 3600, requests)
            return _single(rng.choice(len(member.owners), requests, p=member.shares), moment)
        case "dealt" | "shifts":
            return _dispatched(rng, band, member, requests, length)


def _single(owner: Ints, moment: NDArray[np.float64]) -> Talks:
    order = np.argsort(moment, kind="stable")
    return Talks(owner[order], np.arange(len(owner)), np.zeros(len(owner), dtype=np.int64), moment[order])


def _dispatched(rng: np.random.Generator, band: Band, member: _Members, requests: int, length: float) -> Talks:
    """Deal work evenly over the time; quotas differ by `spread`. In shifts, a member works for two days and is replaced."""
    count = len(member.owners)
    dealt_to, moment = dealt(rng, count, requests, length, jitter=3.0)
    if band.spread > 0.1:
        dealt_to = rng.choice(count, requests, p=member.shares)
    if band.schedule == "shifts":
        crew = max(1, count // 2)
        dealt_to = (dealt_to % crew + (moment / length * crew).astype(np.int64)) % count
    return _single(dealt_to, moment)


def _tenants(rng: np.random.Generator, member: _Members, requests: int, length: float) -> Talks:
    """Draw API clients after real ones: their rate profiles and the variation of their gaps."""
    real = corpora().tenants
    owners, moments = [], []
    quota = rng.multinomial(requests, member.shares)
    for index, count in enumerate(quota):
        if count:
            tenant = real[int(rng.integers(len(real)))]
            windows = int(length / 600)
            rate = np.roll(tenant.rate, int(rng.integers(len(tenant.rate))))[:windows]
            rate = rate if rate.sum() > 0 else np.ones(windows)
            moments.append(_gaps(rng, int(count), length, tenant.variation, rate))
            owners.append(np.full(count, index))
    return _single(np.concatenate(owners), np.concatenate(moments))


def _gaps(rng: np.random.Generator, count: int, length: float, variation: float, rate: NDArray[np.float64]) -> NDArray[np.float64]:
    position = np.cumsum(rng.gamma(1.0 / variation**2, size=count)) + 1e-12
    position *= rng.uniform(0.97, 1.0) / position[-1]
    grown = np.concatenate([[0.0], np.cumsum(rate)]) / np.sum(rate)
    moment: NDArray[np.float64] = np.interp(position, grown, np.linspace(0.0, length, len(grown)))
    return moment


def _requests(scene: Scene, band: Band, member: _Members, said: Talks, writers: tuple[Writer, ...], *, chat: bool = False) -> None:
    rng = scene.rng
    time = said.time + band.window[0] * DAY
    alive = time > member.born[said.owner]
    said = Talks(said.owner[alive], said.talk[alive], said.turn[alive], time[alive])
    if not len(said.time):
        return
    every = int(said.talk.max()) + 1
    model = _models(rng, band, said, every)
    columns = _usage(rng, band, said, model, real=chat or band.given is None)
    seeds = np.arange(every) if band.in_order and not chat else scene.seeds(every)
    listed = np.array([scene.log.writer(writer) for writer in writers])
    calls = np.array([scene.call(**call) for call in (({"stream": True},) if chat else band.calls)])
    scene.log.add(
        Requests(
            time=scene.start + said.time,
            account=member.owners[said.owner],
            stack=_stacks(scene, band, said, every),
            location=_places(scene, band, member, said),
            call=calls[rng.integers(0, len(calls), band.accounts)][said.owner],
            writer=listed[said.owner % len(listed)] if band.loyal and not chat else listed[rng.integers(0, len(listed), every)][said.talk],
            model=np.array([scene.log.model(name) for name in MODELS])[model],
            seed=seeds[said.talk],
            turn=said.turn,
            messages=2 * said.turn + 1,
            conversation=said.talk if chat or band.turns > 1 else -1,
            end_user=said.talk % band.end_users if band.end_users else -1,
            connection=scene.seeds(1)[0] % 2**40
            + (said.talk % band.wires if band.wires else said.owner * 97 + (said.time // 3600).astype(int)),
            **columns,
        )
    )


def _models(rng: np.random.Generator, band: Band, said: Talks, every: int) -> Ints:
    usual = rng.choice(3, size=every, p=np.array(band.models) / sum(band.models))[said.talk]
    moved = rng.binomial(1, band.adopts, every)[said.talk] & (said.time > RELEASE)
    return np.where(moved, _NEXT, usual)


def _usage(rng: np.random.Generator, band: Band, said: Talks, model: Ints, *, real: bool) -> dict[str, Ints]:
    """Draw token counts: real pairs of conversations, or the band's own medians; the reasoning models reason."""
    count = len(said.time)
    pairs = corpora().conversation_tokens
    given, answered = pairs[rng.integers(0, len(pairs), count)].T
    if not real and band.given is not None:
        given = tokens(rng, count, *band.given)
    if not real and band.answered is not None:
        answered = tokens(rng, count, *band.answered)
    given = given + said.turn * tokens(rng, count, 250, 0.5)
    reasons = (model == _THINK) | (model == _NEXT)
    thought = np.where(reasons, (answered * band.thinking / (1 - band.thinking) * rng.lognormal(0, 0.4, count)), 0).astype(np.int64)
    share = np.where(said.turn > 0, max(band.cached, 0.5), band.cached)
    return {
        "input_tokens": given,
        "output_tokens": answered + thought,
        "reasoning_tokens": np.where(reasons, thought, -1),
        "cached_tokens": (given * share * rng.uniform(0.7, 1.0, count)).astype(np.int64),
    }


def _stacks(scene: Scene, band: Band, said: Talks, every: int) -> Ints:
    listed = np.array([scene.stack(stack) for stack in band.stacks])
    if band.mixed:
        return listed[scene.rng.integers(0, len(listed), every)][said.talk]
    return listed[scene.rng.integers(0, len(listed), band.accounts)][said.owner]


def _places(scene: Scene, band: Band, member: _Members, said: Talks) -> Ints:
    if band.network == "roam":
        return chosen(scene.rng, said, [scene.haunts(int(each)) for each in member.home])
    number = 400 + int(scene.rng.integers(80))
    addresses = [
        scene.location(band.network, number + index % 3, COUNTRIES[int(member.home[index % len(member.home)])])
        for index in range(band.places or band.accounts)
    ]
    hop = (said.time // 7200).astype(np.int64) if band.places > band.accounts else 0
    sat: Ints = np.array(addresses)[(said.owner + hop) % len(addresses)]
    return sat
