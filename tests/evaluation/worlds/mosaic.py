"""A mosaic to train on: many small crowds and campaigns, each habit drawn apart from the others and from wide priors.

Its author has read the detector: nothing is judged by it. A crowd is what somebody may honestly do with an API, a campaign is one queue
that is dealt over accounts; what they share (hours, software, cards, ages, networks, wordings, lengths) is drawn from the same priors
wherever the truth allows it, so that only what really differs can be learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from corpora import corpora
from worlds.frame import (
    DAY,
    Account,
    Network,
    Stack,
    Times,
    Told,
    World,
    digest,
    network,
    own,
    patchwork,
    person,
    public,
    reworded,
    rotating,
)

from streams.schema.event import Event

Fields = Callable[[], Event]

_TONGUES = (
    "Beantworte ausführlich: {}", "Réponds en détail : {}", "详细回答：{}", "Ответь подробно: {}", "Contesta con detalle: {}",
    "詳しく答えてください：{}", "Rispondi nel dettaglio: {}", "자세히 답하세요: {}", "Odpowiedz szczegółowo: {}", "أجب بالتفصيل: {}",
)  # fmt: skip


def _nothing() -> Event:
    return {}


@dataclass
class Party:
    """Accounts with something in common. What is not given is drawn."""

    world: World
    persona: str
    campaign: str | None = None
    tellable: bool = True
    size: int = 0
    hours: str = ""
    skew: float = -1.0
    per_day: float = 0.0
    ages: str = ""
    cards: int = -1
    programs: str = ""
    rooms: str = ""
    wordings: int = -1
    median: float = 0.0
    follows: float = -1.0
    """Share of requests after which the account asks again about the answer."""
    mix: float = -1.0
    """Share of requests that are talk of the account's own."""
    fields: Fields = _nothing
    accounts: list[Account] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        world, rng = self.world, self.world.rng
        self.tag = digest(world.seed, self.persona, self.campaign, len(world.truth))
        self.size = self.size or int(world.log_between(6, 45))
        self.hours = self.hours or world.pick(["people", "people", "quota", "timer", "flat"])
        self.skew = self.skew if self.skew >= 0 else world.log_between(0.25, 1.5)
        self.per_day = self.per_day or world.log_between(5, 60)
        self.median = self.median or world.log_between(20, 1100)
        self.spread = world.log_between(0.1, 0.9)
        self.follows = self.follows if self.follows >= 0 else world.pick([0.0, 0.1, 0.3, 0.5])
        self.mix = self.mix if self.mix >= 0 else world.pick([0.0, 0.0, 0.1, 0.4])
        self._sign_up()
        kind = self.programs or world.pick(["one", "one", "mostly", "each", "public"])
        single = own(rng, self.tag) if kind in ("one", "mostly") else public(rng)
        self.stacks: list[Stack] = [
            public(rng) if kind == "each" or (kind == "mostly" and world.maybe(0.25)) else single for _ in self.accounts
        ]
        room = self.rooms or world.pick(["homes", "homes", "office", "hosting", "pool"])
        shared = self._networks(room)
        self.homes: list[list[Network]] = [
            person(rng) if room == "homes" else [network(rng, "hosting", 1)] if room == "hosting" else shared for _ in self.accounts
        ]
        count = self.wordings if self.wordings >= 0 else world.pick([0, 1, 1, 2, 4, 10])
        self.forms = self._forms(count)

    def _sign_up(self) -> None:
        world = self.world
        ages = self.ages or world.pick(["people", "batch", "month", "any"])
        oldest = {"batch": world.log_between(0.3, 5), "month": world.log_between(6, 40), "any": world.log_between(60, 900)}.get(ages, 0.0)
        cards = self.cards if self.cards >= 0 else world.pick([0, 0, 1, 2, 4])
        truth = Told(campaign=self.campaign, tellable=self.tellable) if self.campaign else Told()
        self.accounts = [
            world.account(
                self.persona,
                age=None if ages == "people" else world.between(0.03, 1) * oldest,
                card=f"pay_{digest(self.tag, world.count(0, cards - 1))}" if cards else "",
                **truth,
            )
            for _ in range(self.size)
        ]

    def _networks(self, room: str) -> list[Network]:
        world, rng = self.world, self.world.rng
        if room == "pool":
            return rotating(rng, world.pick(["residential", "hosting"]), world.count(2, 12))
        return [network(rng, "education" if room == "campus" else "isp", world.count(1, 3)) for _ in range(world.count(1, 3))]

    def _forms(self, count: int) -> list[str]:
        world = self.world
        if not count:
            return ["{}"]
        house = f"{patchwork(world.rng, 1)}. " if world.maybe(0.5) else ""
        forms = [f"{house}{patchwork(world.rng, world.count(1, 3))}: {{}}" for _ in range(count)]
        return [form if world.maybe(0.7) else f"{{}}\n{form.replace('{}', '')}" for form in forms]

    def moments(self) -> list[Times]:
        """Return when each account asks."""
        world, rate, zone = self.world, self.per_day, self.world.count(-9, 9)
        if self.hours == "dealt":
            skew, flat, burst = world.log_between(0.02, 0.25), world.pick([0.05, 0.3, 1e6]), world.pick([1, 1, 3])
            return [world.awake(world.rate(rate, skew), zone=zone, flat=flat, burst=burst) for _ in self.accounts]
        if self.hours == "flat":
            return [world.flat(world.rate(rate * world.days, self.skew)) for _ in self.accounts]
        if self.hours == "timer":
            same, jitter, missed = world.maybe(0.4), world.log_between(0.3, 60), world.log_between(0.002, 0.2)
            period = world.pick([900, 1800, 3600, 7200])
            periods = [period if same else world.pick([900, 1200, 1800, 3600, 5400, 7200, 14400]) for _ in self.accounts]
            return [world.timer(each, jitter=jitter, missed=missed)[:120] for each in periods]
        if self.hours == "quota":
            spread, begins, hours = world.log_between(0.005, 0.3), world.between(7, 11), world.between(4, 12)
            return [world.quota(max(2, int(rate)), spread=spread, zone=zone, begins=begins, hours=hours) for _ in self.accounts]
        burst = world.log_between(1, 9)
        return [world.awake(world.rate(rate, self.skew), zone=zone, flat=world.between(0, 0.2), burst=burst) for _ in self.accounts]

    def ask(self, index: int, moment: float, item: str, *, form: str | None = None) -> None:
        """Send one request, and what follows it."""
        world, account = self.world, self.accounts[index]
        client, where = self.stacks[index], world.pick(self.homes[index])
        if world.maybe(self.mix):
            world.talk(moment, account, client, where)
            return
        text = (form or world.pick(self.forms)).replace("{}", item)
        answer = world.lengths(self.median, self.spread)
        talk = digest(account.name, moment) if world.maybe(0.5) else None
        more: Event = {"gen_ai__conversation__id": talk} | self.fields()
        world.emit(moment, account, client, where, text, answer=answer, **more)
        if world.maybe(self.follows):
            given = len(text) // 4 + answer + 30
            again: Event = {"messages": 3, "given": given, "gen_ai__conversation__id": talk}
            world.emit(moment + world.between(15, 240), account, client, where, patchwork(world.rng, 1), answer=answer * 0.7, **again)

    def own_work(self, item: Callable[[int], str]) -> None:
        """Let every account do work of its own; `item` gives an account's next."""
        for index, moments in enumerate(self.moments()):
            for moment in moments:
                self.ask(index, float(moment), item(index))

    def one_queue(self, feed: Iterator[str], *, ramp: bool = False) -> None:
        """Deal one queue over the accounts, in the order of time; `ramp`: slowly at first."""
        world = self.world
        begins, whole = world.between(0, 0.35) * world.days * DAY, world.days * DAY
        for moment, index in sorted((float(moment), index) for index, moments in enumerate(self.moments()) for moment in moments):
            if moment >= begins and not (ramp and world.maybe(1 - min(1.0, ((moment - begins) / (0.6 * whole)) ** 2))):
                self.ask(index, moment, next(feed))


def queue(world: World, kinds: tuple[str, ...] = ("maths", "code", "chats", "exams")) -> Iterator[str]:
    """Yield the items of a job: a public corpus in its order or shuffled, as it is or reworded, or texts that nobody knows."""
    data = corpora()
    pools = {"maths": data.maths, "code": data.code, "chats": [chat[0] for chat in data.chats], "exams": data.exams}
    if world.maybe(0.2):
        while True:
            yield patchwork(world.rng, world.count(1, 4))
    pool, changed = pools[world.pick(kinds)], world.maybe(0.4)
    order = np.arange(len(pool)) if world.maybe(0.4) else world.rng.permutation(len(pool))
    order = np.roll(order, int(world.rng.integers(len(pool))))
    while True:
        for index in order:
            yield reworded(world.rng, pool[int(index)]) if changed else str(pool[int(index)])


# --- crowds -----------------------------------------------------------------------------------------------------------------


def _private(world: World) -> Callable[[int], str]:
    longest = world.count(1, 6)
    return lambda _: patchwork(world.rng, world.count(1, longest))


def people(world: World, count: int) -> None:
    """Ordinary people, from hardly any to very many requests, from talk alone to single questions alone."""
    for _ in range(count):
        account, client, homes = world.account("person"), public(world.rng), person(world.rng)
        rate, single = world.log_between(0.3, 10) if world.maybe(0.96) else world.log_between(12, 100), float(world.rng.beta(0.5, 1.5))
        duty, median = (f"{patchwork(world.rng, 1)}: " if world.maybe(0.15) else ""), world.log_between(30, 700)
        for moment in world.awake(rate, zone=world.count(-9, 11), flat=world.between(0, 0.15), burst=world.between(1, 4)):
            if world.maybe(single):
                text = duty + patchwork(world.rng, world.count(1, 4))
                world.emit(moment, account, client, world.pick(homes), text, answer=world.lengths(median, 0.8))
            else:
                world.talk(moment, account, client, world.pick(homes))


def businesses(world: World, count: int) -> None:
    """Firms with a queue or product of their own, unrelated to each other."""
    for _ in range(count):
        asked = {"gen_ai__request__top_logprobs": world.pick([2, 5]), "gen_ai__request__max_tokens": 1} if world.maybe(0.1) else {}
        firm = Party(
            world, "business", size=1, hours=world.pick(["people", "flat", "flat"]), per_day=world.log_between(30, 250), ages="any",
            cards=0, programs="public", rooms="hosting", wordings=world.count(1, 3), median=1.2 if asked else world.log_between(4, 900),
            follows=world.pick([0.0, 0.3]), mix=0.0, fields=partial(dict, asked),
        )  # fmt: skip
        firm.own_work(_private(world))


def timers(world: World) -> None:
    """Users of one script, each on a timer of its own."""
    party = Party(
        world, "timer", hours="timer", ages=world.pick(["people", "people", "month"]), cards=0,
        programs=world.pick(["one", "mostly", "mostly", "each"]), rooms=world.pick(["homes", "homes", "hosting"]),
        wordings=world.pick([1, 1, 2, 3]), median=world.log_between(60, 1200), follows=0.0, mix=world.pick([0.0, 0.0, 0.2]),
    )  # fmt: skip
    party.own_work(_private(world))


def clerks(world: World) -> None:
    """People paid by the piece on one tool: annotators, contractors, an outsourcer's desk."""
    party = Party(
        world, "clerk", hours="quota", per_day=world.log_between(10, 90), cards=world.pick([0, 1, 2, 3, 4]),
        ages=world.pick(["batch", "month", "month", "any", "people"]), programs=world.pick(["one", "one", "mostly"]),
        rooms=world.pick(["homes", "office", "office"]), wordings=world.pick([1, 1, 2, 4]), median=world.log_between(20, 700),
        follows=world.pick([0.0, 0.05, 0.2, 0.4]), mix=world.pick([0.0, 0.0, 0.05, 0.2]),
    )  # fmt: skip
    party.own_work(_private(world))


def lessons(world: World) -> None:
    """A course, boot camp or class: one notebook, shared exercises, sponsors' cards, people who differ."""
    sheet = [patchwork(world.rng, world.count(1, 4)) for _ in range(world.count(4, 30))]
    party = Party(
        world, "student", size=int(world.log_between(20, 110)), hours="people", skew=world.between(0.5, 1.3),
        per_day=world.log_between(4, 30), ages=world.pick(["batch", "batch", "month"]), cards=world.pick([0, 1, 2, 3, 5]),
        programs=world.pick(["one", "mostly", "each"]), rooms=world.pick(["homes", "campus"]),
        wordings=world.pick([0, 1, 2]), median=world.log_between(120, 700),
    )  # fmt: skip
    alike = world.between(0.4, 1)
    party.own_work(lambda _: world.pick(sheet) if world.maybe(alike) else patchwork(world.rng, 2))


def hackers(world: World) -> None:
    """A hackathon: new accounts, one sponsor, one starter kit, themes, a day and a night."""
    themes = [patchwork(world.rng, 1) for _ in range(world.count(3, 12))]
    party = Party(
        world, "hacker", size=int(world.log_between(12, 70)), hours="people", skew=world.between(0.5, 1.2),
        per_day=world.log_between(8, 40), ages="batch", cards=world.pick([0, 1, 1, 2]), programs=world.pick(["one", "mostly"]),
        rooms=world.pick(["homes", "office"]), wordings=world.pick([1, 2, 4]),
        median=world.log_between(150, 600), follows=world.between(0.2, 0.6), mix=world.between(0.1, 0.5),
    )  # fmt: skip
    party.own_work(lambda _: f"{world.pick(themes)} {patchwork(world.rng, 1)}")


def tool_users(world: World) -> None:
    """Translators, writers, analysts: users of one tool with its wording, at their own pace, on texts of their own."""
    party = Party(
        world, "tool_user", hours="people", skew=world.between(0.25, 1.2), per_day=world.log_between(6, 90),
        ages=world.pick(["people", "people", "any"]), cards=0, programs=world.pick(["one", "one", "mostly", "each"]), rooms="homes",
        wordings=world.pick([1, 1, 2, 5]), median=world.log_between(80, 1000), mix=world.pick([0.0, 0.0, 0.1, 0.3]),
    )  # fmt: skip
    party.own_work(_private(world))


def prompt_copiers(world: World) -> None:
    """Strangers who copied one popular prompt, each with software and hours of their own."""
    party = Party(
        world, "prompt_copier", hours="people", skew=world.between(0.6, 1.4), per_day=world.log_between(3, 25), ages="people", cards=0,
        programs="each", rooms="homes", wordings=world.pick([1, 1, 2]), median=world.log_between(200, 900), mix=world.between(0.0, 0.6),
    )  # fmt: skip
    party.own_work(_private(world))


def shops(world: World) -> None:
    """A white-label app sold to many: one stack, a system prompt's frame, the load of each shop's customers."""
    frame, card = patchwork(world.rng, world.count(2, 4)), world.pick([0, 0, 1])
    system: Fields = lambda: {"system_prompt": frame, "messages": world.pick([1, 1, 3])}  # noqa: E731 (it draws anew for each request)
    party = Party(
        world, "shop", hours=world.pick(["people", "people", "flat"]), skew=world.between(0.3, 1.1), per_day=world.log_between(12, 70),
        ages=world.pick(["any", "month"]), cards=card, programs=world.pick(["one", "mostly"]), rooms="hosting",
        wordings=world.pick([0, 0, 1]), median=world.log_between(40, 500), follows=world.pick([0.0, 0.3]), mix=0.0, fields=system,
    )  # fmt: skip
    party.own_work(lambda _: patchwork(world.rng, 1))


def agents(world: World) -> None:
    """Users of one agent or coding tool: loops whose tool results begin alike."""
    client, schema, boiler = own(world.rng, f"agent-{len(world.truth)}"), digest(world.seed, len(world.truth)), patchwork(world.rng, 2)
    steps, median, rate = world.log_between(2, 12), world.log_between(40, 400), world.log_between(1, 6)
    for _ in range(int(world.log_between(10, 60))):
        account, homes = world.account("agent_user"), person(world.rng)
        for moment in world.awake(world.rate(rate, 0.9), zone=world.count(-8, 9)):
            context, loop, at = 1500, digest(account.name, moment), float(moment)
            for step in range(world.lengths(steps, 0.8)):
                text = patchwork(world.rng, 2) if not step else f"{boiler} {step}: {patchwork(world.rng, 2)}"
                answer = world.lengths(median, 0.8)
                world.emit(
                    at, account, client, world.pick(homes), text, answer=answer, messages=2 * step + 1, given=context + 200, cached=context,
                    tool_count=world.pick([4, 8]), tool_hash=schema, gen_ai__conversation__id=loop, finish="tool_calls",
                )  # fmt: skip
                context, at = context + answer + 250, at + 4 + float(world.rng.exponential(20))


def benchmarkers(world: World) -> None:
    """Hobbyists and teams who run public benchmarks, each all of it, in bursts; and judges, and scorers of choices."""
    data, harness = corpora(), world.maybe(0.4)
    wording = world.pick(["Question: {}\nAnswer:", "Q: {}\nA:", "{}\nLet's think step by step.", "{}"])
    for _ in range(int(world.log_between(4, 20))):
        account, client = world.account("benchmarker", age=world.log_between(5, 700)), public(world.rng)
        room = network(world.rng, "hosting", 1) if harness else person(world.rng)[0]
        kind = world.pick(["free", "choices", "judge"])
        pool, moment, pace = (
            world.pick([data.exams, data.functions, data.maths]),
            world.between(0, 0.7) * world.days * DAY,
            world.log_between(1, 9),
        )
        begins = 0 if world.maybe(0.7) else world.count(0, len(pool) // 2)
        for item in pool[begins : begins + world.count(40, 250)]:
            moment += float(world.rng.exponential(pace))
            more = {"gen_ai__request__top_logprobs": 5, "gen_ai__request__max_tokens": 1} if kind == "choices" else {}
            text = f"Rate from 1 to 10. {item} {patchwork(world.rng, 3)}" if kind == "judge" else wording.replace("{}", str(item))
            answer = 1 if kind == "choices" else 3 if kind == "judge" else world.lengths(200, 0.4)
            world.emit(moment, account, client, room, text, answer=answer, gen_ai__request__temperature=0, **more)


def markers(world: World) -> None:
    """Teachers and moderators who grade with one tool: numbers as answers, long inputs, people's hours."""
    party = Party(
        world, "marker", hours=world.pick(["people", "quota"]), skew=world.between(0.4, 1.2), per_day=world.log_between(8, 60),
        ages=world.pick(["people", "any", "month"]), cards=world.pick([0, 0, 1]), programs="one", rooms=world.pick(["homes", "office"]),
        wordings=1, median=2.5, follows=0.0, mix=world.pick([0.0, 0.1]), fields=lambda: {"gen_ai__request__temperature": 0},
    )  # fmt: skip
    party.own_work(lambda _: patchwork(world.rng, 7))


def relay(world: World, name: str) -> tuple[Stack, list[Network]]:
    """A reseller's accounts, and the customers whose talk they carry; a campaign may share it."""
    client, exits = own(world.rng, f"relay-{name}"), rotating(world.rng, world.pick(["hosting", "residential"]), world.count(2, 6))
    pool = [
        world.account("relay_account", age=world.log_between(1, 90), reseller=name, card=f"pay_{digest(world.seed, name, index // 3)}")
        for index in range(world.count(6, 25))
    ]
    single = world.between(0, 0.5)
    for user in range(world.count(30, 110)):
        seat: Event = {"user__id": f"d{user}"} if world.maybe(0.6) else {}
        for moment in world.awake(world.rate(3, 1.0), zone=world.pick([5, 7, 8]), burst=2):
            account, where = world.pick(pool), world.pick(exits)
            if world.maybe(single):
                text = patchwork(world.rng, 2)
                world.emit(moment, account, client, where, text, answer=world.lengths(300, 0.8), **seat)
            else:
                world.talk(moment, account, client, where, end_user=seat.get("user__id"))
    return client, exits


def office(world: World) -> None:
    """One organisation whose staff go through one gateway with one card."""
    organization, card, client = (
        f"org_{digest(world.seed, len(world.truth))}",
        f"pay_{digest(world.seed, len(world.truth))}",
        own(world.rng, f"gate-{len(world.truth)}"),
    )
    room, duty = network(world.rng, "hosting", 1), f"{patchwork(world.rng, 2)}: "
    for seat in range(world.count(10, 40)):
        account = world.account("office", age=world.between(20, 400), card=card, organization=organization)
        for moment in world.awake(world.rate(14, 1.0), zone=1):
            if world.maybe(0.3):
                world.emit(moment, account, client, room, duty + patchwork(world.rng, 2), answer=world.lengths(300, 0.6))
            else:
                world.talk(moment, account, client, room, end_user=f"seat{seat}")


# --- campaigns --------------------------------------------------------------------------------------------------------------


def campaigns(world: World) -> list[Callable[[str], None]]:
    """Return the kinds of campaign; each takes the campaign's name."""

    def crew(name: str, **how: Any) -> Party:
        drawn: Event = {
            "size": int(world.log_between(5, 55)), "hours": world.pick(["dealt", "dealt", "dealt", "flat", "timer", "quota", "people"]),
            "skew": world.log_between(0.05, 0.7), "per_day": world.log_between(7, 60), "follows": 0.0,
            "mix": world.pick([0.0, 0.0, 0.0, 0.3]),
            "ages": world.pick(["batch", "month", "month", "any", "people"]), "cards": world.pick([0, 0, 1, 2, 4, 8]),
            "programs": world.pick(["one", "one", "public", "each", "mostly"]), "rooms": world.pick(["pool", "pool", "homes", "hosting"]),
            "wordings": world.pick([0, 1, 2, 4, 10]), "median": world.log_between(200, 1000),
        }  # fmt: skip
        return Party(world, name.split("-", maxsplit=1)[0], name, **(drawn | how))

    def plain(name: str) -> None:
        crew(name).one_queue(queue(world), ramp=world.maybe(0.15))

    def short(name: str) -> None:
        crew(name, median=world.log_between(70, 220), mix=0.0, wordings=world.count(1, 6)).one_queue(queue(world))

    def padded(name: str) -> None:
        messages = world.pick([3, 5, 7])
        fields: Fields = lambda: {"messages": messages, "given": world.count(300, 2500)}  # noqa: E731 (it draws anew for each request)
        crew(name, fields=fields).one_queue(queue(world))

    def sampled(name: str) -> None:
        fields = {"gen_ai__request__choice__count": world.pick([2, 4, 8, 16]), "gen_ai__request__temperature": 1.0}
        crew(name, fields=lambda: dict(fields), median=world.log_between(400, 2500)).one_queue(queue(world))

    def odds(name: str) -> None:
        fields = {"gen_ai__request__top_logprobs": world.pick([1, 5, 20]), "gen_ai__request__max_tokens": 1}
        crew(name, fields=lambda: dict(fields), median=1.2).one_queue(queue(world))

    def graded(name: str) -> None:
        party = crew(name, median=2.5, wordings=1, fields=lambda: {"gen_ai__request__temperature": 0})
        feed = queue(world)
        party.one_queue(f"{next(feed)} Candidate: {patchwork(world.rng, 6)}" for _ in iter(int, 1))

    def called(name: str) -> None:
        schema = digest(world.seed, name)
        fields: Fields = lambda: {"tool_count": 4, "tool_hash": schema, "finish": "tool_calls", "messages": world.pick([1, 2, 3])}  # noqa: E731
        crew(name, fields=fields, median=world.log_between(70, 200)).one_queue(queue(world, ("code",)))

    def tongues(name: str) -> None:
        party, feed = crew(name, wordings=0), queue(world)
        party.forms = list(_TONGUES[: world.count(3, len(_TONGUES))])
        party.one_queue(feed)

    def hidden(name: str) -> None:
        crew(name, mix=world.between(0.4, 0.75), per_day=world.log_between(15, 70)).one_queue(queue(world))

    def on_relay(name: str) -> None:
        client, exits = relay(world, name)
        party = crew(name, mix=world.pick([0.0, 0.3, 0.5]))
        party.stacks, party.homes = [client] * party.size, [exits] * party.size
        party.one_queue(queue(world))

    def going_on(name: str) -> None:
        party, feed = crew(name, mix=0.0, per_day=world.log_between(4, 20)), queue(world)
        for moment, index in sorted((float(at), index) for index, moments in enumerate(party.moments()) for at in moments):
            context, talk, text, at = 60, digest(name, index, moment), world.pick(party.forms).replace("{}", next(feed)), moment
            for step in range(world.count(2, 5)):
                answer = world.lengths(220, 0.2)
                world.emit(
                    at, party.accounts[index], party.stacks[index], world.pick(party.homes[index]), text, answer=answer,
                    messages=2 * step + 1, given=context + 15, gen_ai__conversation__id=talk, finish="length",
                )  # fmt: skip
                context, at, text = context + answer, at + world.between(3, 9), "continue"

    return [plain, plain, plain, short, padded, sampled, odds, graded, called, tongues, hidden, on_relay, going_on]


CROWDS: tuple[Callable[[World], None], ...] = (
    timers, timers, clerks, clerks, clerks, lessons, lessons, hackers, tool_users, tool_users, prompt_copiers, shops, agents, benchmarkers,
    markers, office,
)  # fmt: skip


def build(seed: int, days: int = 2, people_: int = 700) -> World:
    """Draw a world: people, businesses, a dozen crowds, and six to eight campaigns."""
    world = World(seed + 5000, days)
    people(world, people_)
    businesses(world, max(2, people_ // 50))
    for index in world.rng.permutation(len(CROWDS))[: world.count(9, 13)]:
        CROWDS[int(index)](world)
    if world.maybe(0.7):
        relay(world, "quayside")
    kinds = campaigns(world)
    for index in world.rng.permutation(len(kinds))[: world.count(5, 8)]:
        kinds[int(index)](f"{kinds[int(index)].__name__.replace('_', '')}-{int(index)}")
    return world
