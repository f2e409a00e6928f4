"""An industrial town: scripts, queues and tools everywhere, and campaigns by people who read papers on how to hide.

A world of other habits than `harbour`'s: numbers are log-uniform, texts come from a phrase-book that each party assembles for itself,
every party has several programs, and campaigns differ in what they hide: their wording, their load, their software, their history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from corpora import corpora
from worlds.frame import DAY, HOUR, Account, Network, Stack, Times, Told, World, digest, network, own, patchwork, person, public, rotating

from streams.schema.event import Event

_VERBS = ("list", "derive", "compare", "rewrite", "classify", "annotate", "expand", "debug", "prove", "outline", "criticise", "continue")
_THINGS = ("the passage", "this case", "the record", "the snippet", "the statement", "the claim", "the scenario", "the following input")
_HOW = ("in detail", "with justification", "as a table", "with confidence", "in plain words", "step after step", "for an expert", "tersely")
_FRAMES = (
    "{a} {b} {c}. {x}",
    "{x}\n\n---\n{a} {b} {c}.",
    "Role: specialist. {a} {b}; {c}.\nInput: {x}",
    "<task>{a} {b} {c}</task><in>{x}</in>",
)


@dataclass
class Phrasebook:
    """A party's own templates: a frame, verbs, and a house style that stands in every one of them."""

    world: World
    templates: int
    house: str = ""
    forms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pick = self.world.pick
        for _ in range(self.templates):
            form = pick(_FRAMES).replace("{a}", pick(_VERBS).capitalize()).replace("{b}", pick(_THINGS)).replace("{c}", pick(_HOW))
            self.forms.append(f"{self.house}{form}")

    def ask(self, item: str) -> str:
        return str(self.world.pick(self.forms)).replace("{x}", item)


def items(world: World, kind: str) -> Iterator[str]:
    """Yield the items of a queue, each once around, in the queue's order or shuffled."""
    data = corpora()
    pool = {"maths": data.maths, "code": data.code, "chats": [chat[0] for chat in data.chats], "exams": data.exams}[kind]
    order = np.arange(len(pool)) if world.maybe(0.4) else world.rng.permutation(len(pool))
    if world.maybe(0.5):
        order = np.roll(order, int(world.rng.integers(len(pool))))
    while True:
        for index in order:
            yield str(pool[int(index)])


# --- crowds -----------------------------------------------------------------------------------------------------------------


def residents(world: World, people: int) -> None:
    """Ordinary people: mostly conversations, some with a habit of single questions, a few very heavy."""
    for _ in range(people):
        account, client, homes = world.account("resident"), public(world.rng), person(world.rng)
        rate, single = world.log_between(0.4, 14) if world.maybe(0.96) else world.log_between(20, 110), float(world.rng.beta(0.6, 1.6))
        zone = world.count(-9, 11)
        for moment in world.awake(rate, zone=zone, flat=world.between(0.0, 0.15), burst=world.between(1, 3)):
            if world.maybe(single):
                world.emit(
                    moment, account, client, world.pick(homes), patchwork(world.rng, world.count(1, 3)), answer=world.lengths(260, 0.9)
                )
            else:
                world.talk(moment, account, client, world.pick(homes))


def queue_workers(world: World) -> None:
    """Businesses that work off a queue of their own: enrichment, tagging, drafts. Unrelated to each other."""
    for _ in range(world.count(20, 45)):
        account, client = world.account("queue_worker", age=world.log_between(10, 900)), public(world.rng)
        room, book = network(world.rng, "hosting", world.count(1, 4)), Phrasebook(world, world.count(1, 3), f"{patchwork(world.rng, 1)}. ")
        median, spread = world.log_between(5, 900), world.log_between(0.1, 0.9)
        fields: Event = {
            "gen_ai__request__temperature": world.pick([0, 0.3, 0.7, None]),
            "gen_ai__request__max_tokens": world.pick([64, 512, 1024, None]),
        }
        for night in range(world.days):
            moment = night * DAY + world.between(0, 20) * HOUR
            for _ in range(int(world.log_between(30, 500))):
                moment += float(world.rng.exponential(world.log_between(2, 40)))
                if moment < world.days * DAY:
                    world.emit(
                        moment, account, client, room, book.ask(patchwork(world.rng, 2)), answer=world.lengths(median, spread), **fields
                    )


def cron_users(world: World) -> None:
    """People who run one open-source digest tool on timers; its prompt is in its repository."""
    client, book = own(world.rng, "digestd"), Phrasebook(world, world.count(1, 2), f"{patchwork(world.rng, 2)}. ")
    median, zone_free = world.log_between(90, 1100), world.maybe(0.7)
    for _ in range(world.count(20, 60)):
        account, home = world.account("cron_user"), person(world.rng)[0]
        period = world.pick([600, 900, 1200, 1800, 3600, 7200, 14400])
        moments = world.timer(period, jitter=world.log_between(0.5, 30), missed=world.log_between(0.002, 0.2))
        if not zone_free:
            moments = moments[(moments % DAY) > 6 * HOUR]
        mine = client if world.maybe(0.85) else public(world.rng)
        for moment in moments[:220]:
            world.emit(moment, account, mine, home, book.ask(patchwork(world.rng, 2)), answer=world.lengths(median, 0.4))


def outsourced_desk(world: World) -> None:
    """An outsourcer's clerks, paid by the piece, on one tool: equal daily goals, office hours, one or two cards, new accounts."""
    client, book = own(world.rng, "desk"), Phrasebook(world, world.count(1, 4), f"{patchwork(world.rng, 1)}. ")
    cards, goal = world.count(1, 3), int(world.log_between(15, 90))
    median, new = world.log_between(40, 500), world.log_between(1, 200)
    homes = [network(world.rng, "isp", 2) for _ in range(world.count(1, 3))]
    for index in range(world.count(15, 60)):
        account = world.account(
            "outsourced_clerk", age=world.between(0.3, 1) * new, card=f"pay_{digest(world.seed, 'desk', index % cards)}"
        )
        for moment in world.quota(
            goal, spread=world.log_between(0.01, 0.2), zone=8, begins=world.between(8, 10), hours=world.between(6, 9)
        ):
            item = book.ask(patchwork(world.rng, 2))
            world.emit(moment, account, client, world.pick(homes), item, answer=world.lengths(median, 0.45))
            if world.maybe(0.25):
                world.emit(
                    moment + world.between(20, 90),
                    account,
                    client,
                    world.pick(homes),
                    patchwork(world.rng, 1),
                    answer=world.lengths(median, 0.5),
                    messages=3,
                )


def bootcamp(world: World) -> None:
    """A boot camp: a notebook, exercises of the day, vouchers from sponsors, and people who do little or very much."""
    client, sheet = own(world.rng, "campbook"), [patchwork(world.rng, 2) for _ in range(world.count(4, 20))]
    book, vouchers = Phrasebook(world, world.count(1, 2)), world.count(1, 5)
    rate, variation = world.log_between(6, 30), world.between(0.6, 1.2)
    for index in range(world.count(40, 140)):
        account = world.account("bootcamp", age=world.between(0, 4), card=f"pay_{digest(world.seed, 'camp', index % vouchers)}")
        homes = person(world.rng)
        for moment in world.awake(world.rate(rate, variation), zone=1, burst=3):
            text = book.ask(world.pick(sheet)) if world.maybe(0.7) else patchwork(world.rng, 2)
            world.emit(
                moment, account, client, world.pick(homes), text, answer=world.lengths(350, 0.6), messages=1 if world.maybe(0.75) else 3
            )


def games(world: World) -> None:
    """Small studios whose games speak through one middleware: short answers, one system prompt's frame, players' load."""
    client, frame = own(world.rng, "npc-kit"), f"You are a character in {{}}. {patchwork(world.rng, 3)}"
    for index in range(world.count(8, 30)):
        account, room = world.account("game_studio", age=world.log_between(1, 300)), network(world.rng, "hosting", 2)
        for moment in world.awake(world.rate(world.log_between(20, 120), 0.8), zone=world.count(-8, 8), flat=0.3, burst=4):
            said = frame.format(f"game {index}")
            world.emit(
                moment,
                account,
                client,
                room,
                patchwork(world.rng, 1),
                answer=world.lengths(60, 0.5),
                messages=world.pick([1, 3, 5]),
                system_prompt=said,
            )


def agent_users(world: World) -> None:
    """Users of an agent runner; its tool results begin with the same boilerplate and its loops are long."""
    client, schema, boiler = own(world.rng, "runner"), digest(world.seed, "runner"), patchwork(world.rng, 2)
    for _ in range(world.count(25, 90)):
        account, homes = world.account("agent_user"), person(world.rng)
        for moment in world.awake(world.rate(2.2, 1.0), zone=world.count(-8, 9)):
            context, loop = 1500, digest(account.name, moment)
            for step in range(world.lengths(7, 0.9)):
                text = patchwork(world.rng, 2) if step == 0 else f"{boiler} observation {step}: {patchwork(world.rng, 2)}"
                answer = world.lengths(110, 0.8)
                world.emit(
                    moment, account, client, world.pick(homes), text, answer=answer, messages=2 * step + 1, given=context + 200,
                    cached=context, tool_count=8, tool_hash=schema, gen_ai__conversation__id=loop, finish="tool_calls",
                )  # fmt: skip
                context, moment = context + answer + 250, moment + 5 + float(world.rng.exponential(20))


def exam_setters(world: World) -> None:
    """Teachers who mark with one web tool: numbers as answers, long inputs, evenings; and a university's judges."""
    client, rubric = own(world.rng, "markbook"), f"Mark from 0 to 10 only. {patchwork(world.rng, 2)}. Answer: "
    for _ in range(world.count(10, 35)):
        account, homes = world.account("teacher_marking"), person(world.rng)
        for moment in world.awake(world.rate(18, 0.9), zone=1, burst=12):
            world.emit(
                moment,
                account,
                client,
                world.pick(homes),
                rubric + patchwork(world.rng, 6),
                answer=world.count(1, 4),
                gen_ai__request__temperature=0,
            )


def leaderboard_fans(world: World) -> None:
    data = corpora()
    for _ in range(world.count(6, 22)):
        account, client, home = world.account("leaderboard_fan"), public(world.rng), person(world.rng)[0]
        kind = world.pick(["free", "choices", "code"])
        pool = data.functions if kind == "code" else data.exams
        moment = world.between(0, 0.6) * world.days * DAY
        for item in pool[: world.count(50, 300)]:
            moment += float(world.rng.exponential(world.log_between(1, 8)))
            more = {"gen_ai__request__top_logprobs": 5, "gen_ai__request__max_tokens": 1} if kind == "choices" else {}
            text = item if kind == "code" else f"Q: {item}\nA:"
            world.emit(
                moment,
                account,
                client,
                home,
                text,
                answer=1 if kind == "choices" else world.lengths(180, 0.4),
                gen_ai__request__temperature=0,
                **more,
            )


def scorers(world: World) -> None:
    """Firms that use log-probabilities as a classifier of their own tickets, and search shops that embed."""
    for _ in range(world.count(3, 10)):
        account, client, room = (
            world.account("classifier_shop", age=world.log_between(30, 900)),
            public(world.rng),
            network(world.rng, "hosting", 1),
        )
        system = patchwork(world.rng, 2)
        for moment in world.awake(world.log_between(40, 300), zone=1, flat=0.2):
            world.emit(
                moment, account, client, room, patchwork(world.rng, 2), answer=1, system_prompt=system,
                gen_ai__request__top_logprobs=world.pick([2, 5]), gen_ai__request__max_tokens=1, gen_ai__request__temperature=0,
            )  # fmt: skip
    for _ in range(world.count(2, 8)):
        account, client, room = (
            world.account("search_shop", age=world.log_between(30, 900)),
            public(world.rng),
            network(world.rng, "hosting", 1),
        )
        for moment in world.flat(world.log_between(60, 600) * world.days):
            world.emit(
                moment, account, client, room, patchwork(world.rng, 4), answer=0, gen_ai__operation__name="embeddings", model="atlas-embed"
            )


def grey_shop(world: World, name: str) -> tuple[Stack, list[Network]]:
    client, exits = own(world.rng, f"hub-{name}"), rotating(world.rng, world.pick(["hosting", "residential"]), 5)
    pool = [
        world.account("grey_shop", age=world.log_between(1, 90), reseller=name, card=f"pay_{digest(world.seed, name, index // 3)}")
        for index in range(world.count(8, 30))
    ]
    for user in range(world.count(40, 150)):
        for moment in world.awake(world.rate(3, 1.0), zone=world.pick([5, 7, 8]), burst=2):
            world.talk(moment, world.pick(pool), client, world.pick(exits), end_user=f"d{user}" if world.maybe(0.6) else None)
    return client, exits


# --- campaigns --------------------------------------------------------------------------------------------------------------


@dataclass
class Crew:
    """A campaign's accounts, and how it has dressed them."""

    world: World
    name: str
    kind: str
    size: int
    tellable: bool = True
    clean: bool = False

    def __post_init__(self) -> None:
        world = self.world
        oldest = world.log_between(1, 25) if not self.clean else world.log_between(200, 800)
        per_card = 1 if self.clean else world.pick([1, 3, 6, 20])
        truth: Told = {"campaign": self.name, "tellable": self.tellable}
        self.accounts = [
            world.account(
                self.kind, age=world.between(0.05, 1) * oldest, card=f"pay_{digest(world.seed, self.name, index // per_card)}", **truth
            )
            for index in range(self.size)
        ]
        programs = [public(world.rng) for _ in self.accounts] if self.clean or world.maybe(0.4) else []
        single = own(world.rng, f"crew-{self.name}") if world.maybe(0.6) else public(world.rng)
        self.programs = programs or [single] * self.size
        shared = rotating(world.rng, world.pick(["residential", "hosting"]), world.count(2, 12))
        self.homes = [person(world.rng) if self.clean or world.maybe(0.5) else shared for _ in self.accounts]

    def hours(self, per_day: float) -> list[Times]:
        """Return when each account asks: dealt round the clock, dealt over waking hours, on timers, by quotas, or like people."""
        world, how = self.world, "people" if self.clean else self.world.pick(["flat", "dealt", "dealt", "timer", "quota", "people"])
        zone = world.count(-8, 9)
        if how == "flat":
            return [world.flat(per_day * world.days * world.between(0.95, 1.05)) for _ in self.accounts]
        if how == "timer":
            return [world.timer(DAY / per_day * world.between(0.8, 1.25), jitter=DAY / per_day * 0.2) for _ in self.accounts]
        if how == "quota":
            return [world.quota(max(2, int(per_day)), spread=0.05, zone=zone, hours=12) for _ in self.accounts]
        skew = 0.6 if how == "people" else 0.04
        return [world.awake(world.rate(per_day, skew), zone=zone, flat=0.1, burst=world.pick([1, 3])) for _ in self.accounts]

    def run(self, per_day: float, ask: Callable[[Account, int, float], None]) -> None:
        """Send every request in the order of time, so that one queue is dealt over all accounts."""
        when = sorted((float(moment), index) for index, moments in enumerate(self.hours(per_day)) for moment in moments)
        for moment, index in when:
            ask(self.accounts[index], index, moment)

    def emit(self, index: int, moment: float, prompt: str, **more: Any) -> None:
        self.world.emit(moment, self.accounts[index], self.programs[index], self.world.pick(self.homes[index]), prompt, **more)


def _plain(world: World, name: str, kind: str, queue: str, median: float, *, templates: int, **more: Any) -> None:
    """Deal a queue of single questions; `more`: fields of each event."""
    crew, feed, book = Crew(world, name, kind, int(world.log_between(6, 70))), items(world, queue), Phrasebook(world, templates)
    spread = world.log_between(0.15, 0.7)

    def ask(_account: Account, index: int, moment: float) -> None:
        crew.emit(index, moment, book.ask(next(feed)), answer=world.lengths(median, spread), **more)

    crew.run(world.log_between(7, 60), ask)


def campaigns(world: World) -> list[Callable[[], None]]:
    """Return this author's kinds of campaign."""

    def plain() -> None:
        _plain(
            world,
            "plain",
            "plain_queue",
            world.pick(["maths", "code", "chats"]),
            world.log_between(200, 1000),
            templates=world.count(1, 12),
        )

    def terse() -> None:
        _plain(world, "terse", "terse_answers", "chats", world.log_between(60, 200), templates=world.count(1, 6))

    def nbest() -> None:
        more = {"gen_ai__request__choice__count": world.pick([2, 4, 8]), "gen_ai__request__temperature": world.pick([0.8, 1.0, 1.2])}
        _plain(world, "nbest", "sampled_choices", "maths", world.log_between(500, 2500), templates=2, **more)

    def odds() -> None:
        more = {
            "gen_ai__request__top_logprobs": world.pick([5, 20]),
            "gen_ai__request__max_tokens": world.pick([1, 1, 4]),
            "gen_ai__request__temperature": 0,
        }
        _plain(world, "odds", "token_odds", world.pick(["chats", "maths"]), 1.2, templates=world.count(1, 3), **more)

    def benchmark() -> None:
        crew, feed = (
            Crew(world, "benchmark", "borrowed_benchmark", int(world.log_between(6, 40))),
            items(world, world.pick(["maths", "exams"])),
        )
        wording = world.pick(["Q: {}\nA:", "Question: {}\nLet's think step by step.\nAnswer:", "{}"])

        def ask(_account: Account, index: int, moment: float) -> None:
            crew.emit(
                index,
                moment,
                wording.replace("{}", next(feed)),
                answer=world.lengths(220, 0.4),
                gen_ai__request__temperature=world.pick([0, 0.7]),
            )

        crew.run(world.log_between(10, 60), ask)

    def padded() -> None:
        crew, feed, book = (
            Crew(world, "padded", "padded_history", int(world.log_between(6, 60))),
            items(world, "maths"),
            Phrasebook(world, 3),
        )

        def ask(account: Account, index: int, moment: float) -> None:
            more: Event = {"messages": world.pick([3, 5, 7]), "given": world.count(400, 2500)}
            if world.maybe(0.5):
                more["gen_ai__conversation__id"] = digest(account.name, moment)
            crew.emit(index, moment, book.ask(next(feed)), answer=world.lengths(450, 0.5), **more)

        crew.run(world.log_between(8, 40), ask)

    def continued() -> None:
        crew, feed, book = (
            Crew(world, "continued", "continue_turns", int(world.log_between(6, 50))),
            items(world, "code"),
            Phrasebook(world, 2),
        )

        def ask(account: Account, index: int, moment: float) -> None:
            context, talk, text = 60, digest(account.name, moment), book.ask(next(feed))
            for step in range(world.count(2, 5)):
                answer = world.lengths(240, 0.15)
                crew.emit(
                    index,
                    moment,
                    text,
                    answer=answer,
                    messages=2 * step + 1,
                    given=context + 20,
                    cached=context if step else 0,
                    gen_ai__conversation__id=talk,
                    finish="length",
                    gen_ai__request__max_tokens=256,
                )
                context, moment, text = context + answer, moment + world.between(3, 9), "continue"

        crew.run(world.log_between(4, 18), ask)

    def trajectories() -> None:
        crew, feed = Crew(world, "trajectories", "tool_trajectories", int(world.log_between(6, 50))), items(world, "code")
        schemas = [digest(world.seed, "schema", index) for index in range(world.count(1, 3))]

        def ask(account: Account, index: int, moment: float) -> None:
            context, loop, text = 900, digest(account.name, moment), next(feed)
            for step in range(world.count(1, 4)):
                answer = world.lengths(110, 0.3)
                more = {"tool_count": 5, "tool_hash": world.pick(schemas), "gen_ai__conversation__id": loop, "finish": "tool_calls"}
                crew.emit(index, moment, text, answer=answer, messages=2 * step + 1, given=context, cached=0, **more)
                context, moment, text = context + answer + 40, moment + world.between(1, 4), f"ok: {patchwork(world.rng, 1)}"

        crew.run(world.log_between(5, 25), ask)

    def judges() -> None:
        crew, feed = Crew(world, "judges", "judge_pool", int(world.log_between(6, 40))), items(world, "chats")
        rubric = f"{patchwork(world.rng, 2)}. Which is better, A or B? Only the letter."

        def ask(_account: Account, index: int, moment: float) -> None:
            pair = [patchwork(world.rng, 4), patchwork(world.rng, 4)]
            question = next(feed)
            crew.emit(
                index, moment, f"{rubric}\n{question}\nA: {pair[0]}\nB: {pair[1]}", answer=world.count(1, 3), gen_ai__request__temperature=0
            )
            if world.maybe(0.5):
                crew.emit(
                    index,
                    moment + 3,
                    f"{rubric}\n{question}\nA: {pair[1]}\nB: {pair[0]}",
                    answer=world.count(1, 3),
                    gen_ai__request__temperature=0,
                )

        crew.run(world.log_between(10, 60), ask)

    def babel() -> None:
        crew, feed = Crew(world, "babel", "babel_wordings", int(world.log_between(10, 60))), items(world, "maths")
        words = (
            "Bitte löse und begründe: {}",
            "解答并说明推理过程：{}",
            "Решите с объяснением: {}",
            "Résolvez en expliquant : {}",
            "Explique y resuelva: {}",
            "풀이 과정을 써라: {}",
            "Work it out and explain: {}",
            "解き方を説明して：{}",
        )

        def ask(_account: Account, index: int, moment: float) -> None:
            crew.emit(index, moment, words[index % len(words)].replace("{}", next(feed)), answer=world.lengths(400, 0.4))

        crew.run(world.log_between(8, 40), ask)

    def on_hub() -> None:
        client, exits = grey_shop(world, "onhub")
        crew, feed, book = Crew(world, "onhub", "hub_campaign", int(world.log_between(8, 40))), items(world, "maths"), Phrasebook(world, 2)
        mix = world.pick([0.0, 0.2, 0.5])

        def ask(account: Account, _index: int, moment: float) -> None:
            if world.maybe(mix):
                world.talk(moment, account, client, world.pick(exits), end_user=f"d{world.count(0, 99)}")
            else:
                world.emit(
                    moment,
                    account,
                    client,
                    world.pick(exits),
                    book.ask(next(feed)),
                    answer=world.lengths(500, 0.5),
                    user__id=f"d{world.count(0, 99)}",
                )

        crew.run(world.log_between(10, 40), ask)

    def ramp() -> None:
        crew, feed, book = Crew(world, "ramp", "ramping_up", int(world.log_between(8, 50))), items(world, "maths"), Phrasebook(world, 4)

        def ask(_account: Account, index: int, moment: float) -> None:
            if world.maybe(min(1.0, (moment / (0.7 * world.days * DAY)) ** 2)):
                crew.emit(index, moment, book.ask(next(feed)), answer=world.lengths(500, 0.5))

        crew.run(world.log_between(15, 60), ask)

    def ghosts() -> None:
        crew, feed = (
            Crew(world, "ghosts", "clean_aged_plain", int(world.log_between(15, 50)), tellable=False, clean=True),
            items(world, "chats"),
        )

        def ask(_account: Account, index: int, moment: float) -> None:
            crew.emit(index, moment, next(feed), answer=world.lengths(350, 0.7))

        crew.run(world.log_between(6, 25), ask)

    def single_tenant() -> None:
        crew, feed, book = Crew(world, "tenant", "one_enterprise_account", 1, tellable=False), items(world, "code"), Phrasebook(world, 2)

        def ask(_account: Account, index: int, moment: float) -> None:
            crew.emit(index, moment, book.ask(next(feed)), answer=world.lengths(600, 0.4))

        crew.run(world.log_between(300, 1500), ask)

    def stolen() -> None:
        client, exits, feed, book = own(world.rng, "thief"), rotating(world.rng, "hosting", 3), items(world, "maths"), Phrasebook(world, 2)
        for _ in range(world.count(5, 15)):
            account, mine, room = (
                world.account("robbed_owner", age=world.between(60, 900), victim_of="stolen"),
                public(world.rng),
                network(world.rng, "hosting", 2),
            )
            system, start = patchwork(world.rng, 2), world.between(0.2, 0.6) * world.days * DAY
            for moment in world.awake(world.log_between(15, 90), zone=1, flat=0.1):
                world.emit(moment, account, mine, room, patchwork(world.rng, 2), answer=world.lengths(120, 0.6), system_prompt=system)
            for moment in world.flat(world.log_between(15, 90), start=start):
                world.emit(moment, account, client, world.pick(exits), book.ask(next(feed)), answer=world.lengths(450, 0.4))

    return [
        plain,
        terse,
        nbest,
        odds,
        benchmark,
        padded,
        continued,
        trajectories,
        judges,
        babel,
        on_hub,
        ramp,
        ghosts,
        single_tenant,
        stolen,
    ]


CROWDS = (cron_users, outsourced_desk, bootcamp, games, agent_users, exam_setters, leaderboard_fans, scorers)


def build(seed: int, days: int = 2, people: int = 1500) -> World:
    """Draw a world: people, businesses, most of the crowds, and six to nine campaigns of different kinds."""
    world = World(seed + 1000, days)
    residents(world, people)
    queue_workers(world)
    for crowd in CROWDS:
        if world.maybe(0.8):
            crowd(world)
    grey_shop(world, "bazaar")
    kinds = campaigns(world)
    for index in world.rng.permutation(len(kinds))[: world.count(6, 9)]:
        kinds[int(index)]()
    return world
