"""A country district, held back: judged at the end, tuned on never.

Its people and its thieves do other things than `harbour`'s and `foundry`'s: kiosks, auctions, clinics and clubs; harvests of critiques,
role plays, rankings and self-chats; crews that copy the look of a crowd which really is in the same world.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import numpy as np
from corpora import corpora
from worlds.frame import DAY, HOUR, Account, Network, Stack, Times, Told, World, digest, network, own, patchwork, person, public, rotating

from streams.schema.event import Event


def _voice(world: World, parts: int = 2) -> str:
    """Return wording that a party keeps: whole sentences of its own."""
    return f"{patchwork(world.rng, parts)}. "


def villagers(world: World, people: int) -> None:
    for _ in range(people):
        account, client, homes = world.account("villager"), public(world.rng), person(world.rng)
        zone, rate = world.count(-8, 10), world.rate(5, 1.3)
        for moment in world.awake(rate, zone=zone, flat=0.04, burst=world.pick([1, 2, 4])):
            world.talk(moment, account, client, world.pick(homes), turns=world.between(1.1, 4))


def kiosks(world: World) -> None:
    """Museum kiosks of one maker: opening hours, short single answers, one frame, each museum its own account and card."""
    client, frame = own(world.rng, "kiosk"), _voice(world)
    for _ in range(world.count(12, 50)):
        account, room = world.account("kiosk", age=world.between(2, 500)), network(world.rng, "isp", 1)
        for moment in world.quota(world.count(20, 120), spread=0.3, zone=1, begins=10, hours=8):
            world.emit(moment, account, client, room, f"{frame}{patchwork(world.rng, 1)}", answer=world.lengths(140, 0.3))


def clinics(world: World) -> None:
    """Clinics whose one vendor writes letters from notes: long inputs, answers of one length, office hours, one vendor's card or none."""
    client, form, card = own(world.rng, "letters"), _voice(world, 3), f"pay_{digest(world.seed, 'clinic')}" if world.maybe(0.5) else ""
    for _ in range(world.count(10, 45)):
        account, room = world.account("clinic", age=world.between(1, 400), card=card), network(world.rng, "isp", 1)
        for moment in world.quota(world.count(15, 60), spread=0.15, zone=-5, hours=8):
            world.emit(
                moment,
                account,
                client,
                room,
                form + patchwork(world.rng, 8),
                answer=world.lengths(420, 0.2),
                gen_ai__request__temperature=0,
            )


def auctions(world: World) -> None:
    """Traders with the same bought script: a burst of descriptions whenever an auction closes, at the same minute for all."""
    client, form = own(world.rng, "lot-writer"), _voice(world)
    closes = [world.between(0, world.days) * DAY for _ in range(world.count(4, 12))]
    for _ in range(world.count(15, 45)):
        account, homes = world.account("auction_trader", age=world.between(0.5, 200)), person(world.rng)
        lots = world.rate(12, 0.6)
        for close in closes:
            moment = close + world.between(0, 400)
            for _ in range(int(world.rng.poisson(lots))):
                moment += float(world.rng.exponential(8))
                if moment < world.days * DAY:
                    world.emit(moment, account, client, world.pick(homes), form + patchwork(world.rng, 1), answer=world.lengths(230, 0.3))


def reading_club(world: World) -> None:
    """A club whose members got vouchers on one evening, with a shared page of questions; then they talk."""
    client, sheet, card = own(world.rng, "club-page"), [_voice(world) for _ in range(6)], f"pay_{digest(world.seed, 'club')}"
    evening = world.between(0.2, 0.6) * world.days * DAY
    for _ in range(world.count(40, 120)):
        account, homes = world.account("reading_club", age=world.between(0, 0.5), card=card, starts=evening), person(world.rng)
        for index, moment in enumerate(world.awake(world.rate(16, 0.9), zone=0, start=evening, burst=4)):
            if index < 6:
                world.emit(moment, account, client, world.pick(homes), sheet[index], answer=world.lengths(380, 0.4))
            else:
                world.talk(moment, account, client, world.pick(homes))


def pollsters(world: World) -> None:
    """Field staff of a poll: codes for open answers, piece work with equal packets, two cards, temporary accounts."""
    client, form, size = own(world.rng, "coder-app"), _voice(world, 3), world.count(25, 80)
    for index in range(world.count(12, 40)):
        account, homes = (
            world.account("poll_coder", age=world.between(0.2, 10), card=f"pay_{digest(world.seed, 'poll', index % 2)}"),
            person(world.rng),
        )
        for packet in range(world.count(1, 3) * world.days):
            moment = (packet % world.days) * DAY + world.between(8, 18) * HOUR
            for _ in range(size):
                moment += float(world.rng.exponential(20))
                if moment < world.days * DAY:
                    world.emit(
                        moment,
                        account,
                        client,
                        world.pick(homes),
                        form + patchwork(world.rng, 1),
                        answer=world.count(2, 8),
                        gen_ai__request__temperature=0,
                    )


def greenhouse(world: World) -> None:
    """Hobby greenhouses on timers with one firmware: a reading in, an explanation out, every half hour, for everybody."""
    client, form, period = own(world.rng, "glasshouse"), _voice(world, 2), world.pick([1200, 1800, 3600])
    for _ in range(world.count(20, 60)):
        account, home = world.account("greenhouse"), person(world.rng)[0]
        for moment in world.timer(period, jitter=world.between(0.5, 8), missed=world.between(0, 0.1)):
            reading = " ".join(f"{world.between(0, 99):.1f}" for _ in range(8))
            world.emit(moment, account, client, home, f"{form}{reading}. {patchwork(world.rng, 1)}", answer=world.lengths(240, 0.3))


def helpers(world: World) -> None:
    """Users of a desktop helper with tools: every call carries the same schema and the same preamble."""
    client, schema, frame = own(world.rng, "desk-helper"), digest(world.seed, "helper"), _voice(world, 3)
    for _ in range(world.count(30, 90)):
        account, homes = world.account("desktop_helper"), person(world.rng)
        for moment in world.awake(world.rate(7, 0.9), zone=world.count(-8, 9), burst=3):
            for step in range(world.count(1, 5)):
                text = f"{frame}{patchwork(world.rng, 1)}" if step == 0 else f"tool said: {patchwork(world.rng, 1)}"
                world.emit(
                    moment + 8 * step,
                    account,
                    client,
                    world.pick(homes),
                    text,
                    answer=world.lengths(90, 0.7),
                    messages=1 + 2 * step,
                    cached=300 if step else 0,
                    given=700 + 200 * step,
                    tool_count=9,
                    tool_hash=schema,
                    gen_ai__conversation__id=digest(account.name, moment),
                )


def works(world: World) -> None:
    """Works of all sizes with jobs of their own."""
    for _ in range(world.count(20, 40)):
        account, client, room, form = (
            world.account("works", age=world.between(20, 900)),
            public(world.rng),
            network(world.rng, "hosting", 3),
            _voice(world),
        )
        median = world.log_between(4, 800)
        for moment in world.awake(world.log_between(20, 500), zone=world.count(-8, 8), flat=world.between(0, 1)):
            world.emit(
                moment,
                account,
                client,
                room,
                form + patchwork(world.rng, 2),
                answer=world.lengths(median, world.between(0.2, 0.8)),
                system_prompt=form,
            )


def broker(world: World, name: str, accounts: tuple[int, int] = (10, 30)) -> tuple[Stack, list[Network], list[Account]]:
    """A reseller's relay with ordinary customers in pooled accounts."""
    client, exits = own(world.rng, f"barn-{name}"), rotating(world.rng, "hosting", 4)
    pool = [world.account("barn_customers", age=world.between(1, 80), reseller=name) for _ in range(world.count(*accounts))]
    for user in range(world.count(50, 140)):
        for moment in world.awake(world.rate(3, 1.0), zone=8, burst=2):
            world.talk(moment, world.pick(pool), client, world.pick(exits), end_user=f"e{user}")
    return client, exits, pool


class Band:
    """Thieves: accounts, dress, hours."""

    def __init__(
        self, world: World, kind: str, *, dress: Stack | None = None, size: tuple[float, float] = (7, 60), **truth: Unpack[Told]
    ) -> None:
        self.world, rng = world, world.rng
        truth["campaign"] = kind
        cards, oldest = world.pick([1, 2, 5, 30]), world.log_between(1, 300)
        count = int(world.log_between(*size))
        self.accounts = [
            world.account(kind, age=world.between(0.02, 1) * oldest, card=f"pay_{digest(world.seed, kind, index // cards)}", **truth)
            for index in range(count)
        ]
        mask = dress or own(rng, kind)
        self.dress = (
            [public(rng) if world.maybe(0.4) and dress is None else mask for _ in self.accounts] if world.maybe(0.4) else [mask] * count
        )
        pool = rotating(rng, world.pick(["residential", "hosting"]), 6)
        self.exits = [pool if world.maybe(0.5) else person(rng) for _ in self.accounts]
        self.style = world.pick(["even", "even", "people", "windows"])

    def moments(self, per_day: float) -> list[tuple[float, int]]:
        world, found = self.world, []
        window = world.between(0, 16)
        for index in range(len(self.accounts)):
            when: Times
            if self.style == "windows":
                when = world.quota(max(2, int(per_day)), spread=0.1, begins=window, hours=6)
            elif self.style == "even":
                when = world.flat(per_day * world.days)
            else:
                when = world.awake(world.rate(per_day, 0.35), zone=3, burst=2)
            found += [(float(moment), index) for moment in when]
        return sorted(found)

    def emit(self, index: int, moment: float, text: str, **more: Any) -> None:
        self.world.emit(moment, self.accounts[index], self.dress[index], self.world.pick(self.exits[index]), text, **more)

    def work(self, per_day: float, write: Callable[[], str], median: float, spread: float = 0.4, **more: Any) -> None:
        for moment, index in self.moments(per_day):
            self.emit(index, moment, write(), answer=self.world.lengths(median, spread), **more)


def thefts(world: World) -> list[Callable[[], None]]:
    """Return this author's kinds of campaign."""

    def pace() -> float:
        return world.log_between(8, 50)

    queue = iter([str(text) for text in world.rng.permutation(np.array([*corpora().maths, *corpora().code], dtype=object)).tolist()] * 3)

    def critiques() -> None:
        form = _voice(world, 2)
        Band(world, "critiques").work(pace(), lambda: f"{form}{next(queue)} {patchwork(world.rng, 3)}", world.between(250, 600))

    def role_play() -> None:
        forms = [_voice(world) for _ in range(world.count(1, 8))]
        Band(world, "role_play").work(pace(), lambda: f"{world.pick(forms)}{patchwork(world.rng, 2)}", world.between(300, 800), 0.5)

    def rankings() -> None:
        form = _voice(world, 3)
        Band(world, "rankings").work(
            pace() * 1.5,
            lambda: f"{form}{next(queue)} 1) {patchwork(world.rng, 2)} 2) {patchwork(world.rng, 2)}",
            5,
            0.3,
            gen_ai__request__temperature=0,
        )

    def odds() -> None:
        more: Event = {"gen_ai__request__top_logprobs": world.pick([5, 20]), "gen_ai__request__max_tokens": world.pick([1, 2])}
        Band(world, "odds_harvest", size=(3, 30)).work(pace() * 2, lambda: next(queue), 1, 0.01, **more)

    def many() -> None:
        form = _voice(world)
        Band(world, "many_samples").work(
            pace(), lambda: form + next(queue), 1500, 0.5, gen_ai__request__choice__count=world.pick([3, 5, 10])
        )

    def imitate_letters() -> None:
        """Copies the clinics' length and hours, not their program."""
        form = _voice(world, 3)
        Band(world, "letters_alike").work(pace(), lambda: form + next(queue), 420, 0.2, gen_ai__request__temperature=0)

    def self_chat() -> None:
        band, form = Band(world, "self_chat"), _voice(world)
        for moment, index in band.moments(pace() / 2):
            context, talk, text = 80, digest(index, moment), form + next(queue)
            for step in range(world.count(2, 4)):
                answer = world.lengths(330, 0.35)
                band.emit(
                    index,
                    moment + 25 * step,
                    text,
                    answer=answer,
                    messages=1 + 2 * step,
                    given=context,
                    cached=context - 60,
                    gen_ai__conversation__id=talk,
                )
                context, text = context + answer + 40, patchwork(world.rng, 1)

    def tool_work() -> None:
        schema, form = digest(world.seed, "theft-tools"), _voice(world)
        Band(world, "tool_work").work(
            pace(),
            lambda: form + next(queue),
            world.between(90, 140),
            0.3,
            tool_count=4,
            tool_hash=schema,
            messages=world.pick([1, 3]),
            given=900,
            finish="tool_calls",
        )

    def paraphrase() -> None:
        Band(world, "reworded_items").work(pace(), lambda: f"{patchwork(world.rng, 1)}. {next(queue)}", world.between(300, 700))

    def tongues() -> None:
        forms = (
            "Erkläre Schritt für Schritt: {}",
            "一步一步解释：{}",
            "Explique passo a passo: {}",
            "Expliquez pas à pas : {}",
            "Объясни по шагам: {}",
            "Explain step by step: {}",
        )
        Band(world, "tongues").work(pace(), lambda: world.pick(forms).replace("{}", next(queue)), 420)

    def in_barn() -> None:
        client, exits, _ = broker(world, "shared")
        band, form = Band(world, "barn_campaign", dress=client, reseller="shared"), _voice(world)
        band.exits = [exits for _ in band.accounts]
        band.work(pace(), lambda: form + next(queue), 500)

    def lone() -> None:
        form = _voice(world)
        Band(world, "lone_account", size=(1, 2), tellable=False).work(world.log_between(300, 1200), lambda: form + next(queue), 600)

    def burgled() -> None:
        client, exits, form = own(world.rng, "burglar"), rotating(world.rng, "hosting", 3), _voice(world)
        for _ in range(world.count(5, 14)):
            account, mine, room = (
                world.account("burgled_owner", age=world.between(60, 800), victim_of="burgled"),
                public(world.rng),
                network(world.rng, "hosting", 2),
            )
            start = world.between(0.3, 0.5) * world.days * DAY
            for moment in world.awake(world.log_between(20, 60), zone=1, flat=0.1):
                world.emit(
                    moment,
                    account,
                    mine,
                    room,
                    patchwork(world.rng, 2),
                    answer=world.lengths(110, 0.5),
                    system_prompt="You assist our staff.",
                )
            for moment in world.flat(world.log_between(20, 60), start=start):
                world.emit(moment, account, client, world.pick(exits), form + next(queue), answer=world.lengths(450, 0.4))

    return [critiques, role_play, rankings, odds, many, imitate_letters, self_chat, tool_work, paraphrase, tongues, in_barn, lone, burgled]


CROWDS = (kiosks, clinics, auctions, reading_club, pollsters, greenhouse, helpers)


def build(seed: int, days: int = 2, people: int = 1400) -> World:
    """Draw a world: villagers and works, most crowds, and six to eight thefts."""
    world = World(seed + 2000, days)
    villagers(world, people)
    works(world)
    for crowd in CROWDS:
        if world.maybe(0.85):
            crowd(world)
    broker(world, "plain")
    kinds = thefts(world)
    for index in world.rng.permutation(len(kinds))[: world.count(6, 8)]:
        kinds[int(index)]()
    return world
