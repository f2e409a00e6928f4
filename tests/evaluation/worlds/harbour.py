"""A port town: many small firms with programs of their own, courses, contractors, and campaigns that look like any of them.

Its author knew the event and the public catalogue of attackers, and nothing of the detector. Every number is drawn anew by the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from corpora import corpora
from worlds.frame import DAY, HOUR, Account, Network, Stack, World, digest, network, own, patchwork, person, public, reworded, rotating

from streams.schema.event import Event

Ask = Callable[[], str]

OPENINGS = (
    "Solve this and show every step:",
    "Work out the answer, writing down each inference you make:",
    "You are an expert. Reason carefully before you answer.",
    "Give a complete and self-contained solution.",
    "Write the ideal response to the request below.",
    "Explain your thinking in full, then conclude.",
    "Produce a model answer that a student could learn from.",
    "First plan, then execute, then verify. Task:",
    "Answer as thoroughly as you can:",
    "Think aloud. Include dead ends.",
)
CLOSINGS = ("", "", "Final answer in \\boxed{}.", "Finish with 'Answer:'.", "Use Markdown.", "Do not skip steps.", "Return JSON.")
FOREIGN = (
    "Löse die Aufgabe und schreibe jeden Zwischenschritt auf: {}",
    "Résous le problème en détaillant tout ton raisonnement : {}",
    "Resuelve paso a paso y explica cada decisión: {}",
    "请一步一步推理，写出完整的思考过程：{}",
    "Реши задачу, подробно описывая ход мыслей: {}",
    "問題を解き、考えたことをすべて順番に書いてください：{}",
    "Resolva e mostre todo o raciocínio: {}",
    "Risolvi mostrando ogni passaggio: {}",
    "문제를 풀고 모든 추론 과정을 적어 주세요: {}",
)
DUTIES = (
    "Translate into {}: ",
    "Write a product description for ",
    "Summarise for a manager: ",
    "Draft a reply to this customer: ",
    "Extract the dates and amounts from: ",
    "Write three social media posts about: ",
    "Turn these notes into minutes: ",
    "Correct the grammar: ",
    "Suggest a headline for: ",
    "Classify the intent of: ",
)


def slots(world: World, kind: str) -> list[str]:
    """Return the work items of a job, shuffled."""
    data = corpora()
    pools = {"maths": data.maths, "code": data.code + data.seeds, "mixed": data.maths + data.code}
    items = list(pools[kind])
    if world.maybe(0.6):
        items = [reworded(world.rng, item) for item in items]
    world.rng.shuffle(items)
    return items


def wordings(world: World, count: int) -> list[str]:
    """Return templates that a campaign wrote."""
    return [f"{world.pick(OPENINGS)} {{}} {world.pick(CLOSINGS)}".strip() for _ in range(count)]


# --- crowds ---------------------------------------------------------------------------------------------------------------------


def hobbyists(world: World, people: int) -> None:
    for _ in range(people):
        account, client, homes = world.account("hobby"), public(world.rng), person(world.rng)
        zone, rate = world.pick([0, 1, 5, 8, 9, -5, -8]), min(60.0, 0.7 * (1 + world.rng.pareto(1.15)))
        own_job = world.maybe(0.12)
        duty = world.pick(DUTIES) if own_job else ""
        for moment in world.awake(rate, zone=zone):
            if own_job and world.maybe(0.6):
                world.emit(moment, account, client, world.pick(homes), duty + patchwork(world.rng, 2), answer=world.lengths(180, 0.8))
            else:
                world.talk(moment, account, client, world.pick(homes))


def tenants(world: World, count: int) -> None:
    """Firms whose products call the model, with a system prompt of their own and the load of their users."""
    for _ in range(count):
        account = world.account("production", age=world.between(40, 900))
        client, room = public(world.rng), network(world.rng, "hosting", world.count(1, 20))
        system = f"{patchwork(world.rng, 3)}. {world.pick(DUTIES)}"
        median, spread, rate = world.log_between(8, 700), world.between(0.2, 0.9), world.log_between(40, 700)
        single = world.maybe(0.7)
        for moment in world.awake(rate, zone=world.count(-8, 9), flat=world.between(0.05, 0.8)):
            world.emit(
                moment,
                account,
                client,
                room,
                patchwork(world.rng, world.count(1, 4)),
                answer=world.lengths(median, spread),
                messages=1 if single else 1 + 2 * world.count(0, 3),
                system_prompt=system,
                gen_ai__request__temperature=0.2,
                user__id=f"u{world.count(0, 300)}" if world.maybe(0.5) else None,
            )


def cron_script(world: World) -> None:
    """Users of a popular self-hosted script: each has a timer, one wording that came with it, and feeds of their own."""
    client = own(world.rng, "feed-digest")
    wording = f"{world.pick(DUTIES)}the items below, with reasons, {patchwork(world.rng, 1)}:"
    median, same = world.log_between(120, 900), world.maybe(0.5)
    period = world.pick([1800, 3600, 7200])
    for _ in range(world.count(25, 70)):
        account, home = world.account("cron_script", age=world.between(3, 500)), person(world.rng)[0]
        mine = period if same else world.pick([900, 1800, 3600, 7200, 10800])
        for moment in world.timer(mine, jitter=world.between(1, 20), missed=0.03):
            text = f"{wording} {patchwork(world.rng, 3)}"
            world.emit(moment, account, client, home, text, answer=world.lengths(median, 0.35), gen_ai__request__temperature=0.3)


def contractors(world: World) -> None:
    """Contractors of one firm who label with one tool, each with a quota a day, and hours."""
    client, goal = own(world.rng, "labeldesk"), world.count(18, 70)
    cards = [f"pay_{digest(world.seed, 'contract', index)}" for index in range(world.count(1, 4))]
    wordings_ = [f"{world.pick(OPENINGS)} {patchwork(world.rng, 1)} {{}}" for _ in range(world.count(1, 3))]
    answer, zone, new = world.log_between(60, 600), world.count(-5, 8), world.maybe(0.6)
    for _ in range(world.count(20, 55)):
        age = world.between(0.5, 14) if new else world.between(10, 300)
        account = world.account("contractor", age=age, card=world.pick(cards))
        homes = person(world.rng)
        for moment in world.quota(int(goal * world.between(0.9, 1.1)), spread=world.between(0.0, 0.12), zone=zone):
            text = world.pick(wordings_).format(patchwork(world.rng, 2))
            world.emit(moment, account, client, world.pick(homes), text, answer=world.lengths(answer, 0.4))
            if world.maybe(0.15):
                world.emit(moment + 60, account, client, world.pick(homes), text, answer=world.lengths(answer, 0.4), messages=3)


def course(world: World) -> None:
    """A course whose three sponsors pay: one notebook, the same exercises, deadlines; people differ widely."""
    client = own(world.rng, "course-notebook")
    cards = [f"pay_{digest(world.seed, 'course', index)}" for index in range(world.count(1, 4))]
    items = [patchwork(world.rng, 3) for _ in range(world.count(5, 14))]
    wording = f"{world.pick(OPENINGS)} {{}}"
    where, due, rate = network(world.rng, "education", 2), world.between(20, 40) * HOUR, world.log_between(5, 22)
    for _ in range(world.count(60, 160)):
        account = world.account("course", age=world.between(0.2, 9), card=world.pick(cards))
        homes = [where, *person(world.rng)]
        for moment in world.awake(world.rate(rate, 0.8), zone=-5, burst=4.0):
            near = moment < due and due - moment < 8 * HOUR
            if near or world.maybe(0.6):
                text = wording.format(world.pick(items) if world.maybe(0.8) else reworded(world.rng, world.pick(items)))
                world.emit(moment, account, client, world.pick(homes), text, answer=world.lengths(420, 0.5))
            else:
                world.talk(moment, account, client, world.pick(homes))


def translators(world: World) -> None:
    """Translators on one tool: long single answers on texts of their own, all day."""
    client, language = own(world.rng, "cat-tool"), world.pick(["German", "Polish", "Thai", "Spanish"])
    for _ in range(world.count(10, 30)):
        account, homes = world.account("translator", age=world.between(5, 700)), person(world.rng)
        rate = world.rate(world.log_between(25, 90), 0.4)
        for moment in world.awake(rate, zone=1, burst=8.0):
            text = f"Translate into {language}. Keep tags and numbers. Segment: {patchwork(world.rng, 5)}"
            world.emit(moment, account, client, world.pick(homes), text, answer=world.lengths(320, 0.35), gen_ai__request__temperature=0)


def white_label(world: World) -> None:
    """A white-label app sold to many shops, each with an account: one stack, one system prompt, customers of their own."""
    client, system = own(world.rng, "shop-bot"), f"You help customers of {{}}. {patchwork(world.rng, 4)}"
    card = f"pay_{digest(world.seed, 'white')}" if world.maybe(0.4) else ""
    median = world.log_between(60, 450)
    for index in range(world.count(10, 40)):
        account, room = world.account("white_label", age=world.between(1, 200), card=card), network(world.rng, "hosting", 1)
        for moment in world.awake(world.rate(world.log_between(15, 60), world.between(0.3, 1.0)), zone=1, flat=0.1):
            said = system.format(f"shop {index}")
            text = patchwork(world.rng, 1)
            world.emit(moment, account, client, room, text, answer=world.lengths(median, 0.4), system_prompt=said)


def coding_agents(world: World) -> None:
    """Users of one coding agent: long sessions with tools, whose results begin alike."""
    client, tools = own(world.rng, "coding-agent"), digest(world.seed, "tools")
    code = corpora().code
    tokens = corpora().code_tokens
    for _ in range(world.count(40, 120)):
        account, homes, zone = world.account("coding_agent"), person(world.rng), world.count(-8, 9)
        for moment in world.awake(world.rate(1.6, 0.9), zone=zone):
            context, session = 2500, digest(account.name, moment)
            for step in range(int(world.lengths(9, 0.8))):
                text = world.pick(code) if step == 0 else f"<tool_result status=ok exit=0>\n{patchwork(world.rng, 2)}\n</tool_result>"
                answer = int(tokens[int(world.rng.integers(len(tokens)))][1]) + 30
                world.emit(
                    moment,
                    account,
                    client,
                    world.pick(homes),
                    text,
                    answer=answer,
                    messages=2 * step + 1,
                    given=context + 250,
                    cached=context,
                    tool_count=14,
                    tool_hash=tools,
                    gen_ai__conversation__id=session,
                    system_prompt="You are a careful coding agent in a repository.",
                )
                context, moment = context + answer + 300, moment + 6 + float(world.rng.exponential(18))


def benchmarkers(world: World) -> None:
    """Hobbyists who try a public benchmark on every model: a run of a few hundred items, in its own wording."""
    exams = corpora().exams
    for _ in range(world.count(8, 25)):
        account, client, home = world.account("benchmark_hobbyist"), public(world.rng), person(world.rng)[0]
        start, gap = world.between(0, 0.7) * world.days * DAY, world.between(2, 9)
        for run in range(world.count(1, 3)):
            moment = start + run * 3 * HOUR
            for item in exams[: world.count(60, 350)]:
                moment += float(world.rng.exponential(gap))
                text = f"Question: {item}\nLet's think step by step.\nAnswer:"
                more: Event = {"gen_ai__request__temperature": 0, "model": ["atlas-4", "atlas-4-mini", "atlas-reason"][run]}
                world.emit(moment, account, client, home, text, answer=world.lengths(170, 0.4), **more)


def harnesses(world: World) -> None:
    """Evaluation teams: public benchmarks, log-probabilities of choices, judges; one organisation each."""
    data = corpora()
    for _ in range(world.count(4, 9)):
        account, room = world.account("evaluation_harness", age=world.between(30, 600)), network(world.rng, "hosting", 1)
        client, kind = public(world.rng), world.pick(["choices", "judge", "free"])
        moment = world.between(0, 0.6) * world.days * DAY
        for item in data.exams[: world.count(250, 700)]:
            moment += float(world.rng.exponential(1.5))
            text = f"Question: {item}\nAnswer:" if kind != "judge" else f"Rate the answer from 1 to 10. {item} {patchwork(world.rng, 3)}"
            more = {"gen_ai__request__top_logprobs": 5, "gen_ai__request__max_tokens": 1} if kind == "choices" else {}
            answer = 1 if kind == "choices" else 3 if kind == "judge" else world.lengths(200, 0.4)
            world.emit(moment, account, client, room, text, answer=answer, gen_ai__request__temperature=0, **more)


def hackathon(world: World) -> None:
    client, card, rate = own(world.rng, "starter-kit"), f"pay_{digest(world.seed, 'hack')}", world.log_between(8, 30)
    themes = [f"{world.pick(OPENINGS)} {patchwork(world.rng, 1)} {{}}" for _ in range(world.count(2, 6))]
    start = world.between(0, 10) * HOUR
    for _ in range(world.count(25, 80)):
        account, homes = world.account("hackathon", age=world.between(0, 1), card=card, starts=start), person(world.rng)
        mine = client if world.maybe(0.75) else public(world.rng)
        for moment in world.awake(world.rate(rate, 0.8), zone=-8, flat=0.3, start=start, burst=5.0):
            text = world.pick(themes).format(patchwork(world.rng, 1)) if world.maybe(0.55) else world.pick(corpora().code)
            world.emit(moment, account, mine, world.pick(homes), text, answer=world.lengths(300, 0.7), messages=1 + 2 * world.count(0, 2))


def freshers(world: World) -> None:
    """Students of a first-week class: all accounts new, one campus, one sheet, and then they go their ways."""
    where, sheet = network(world.rng, "education", 1), [patchwork(world.rng, 2) for _ in range(4)]
    for _ in range(world.count(40, 110)):
        account, client = world.account("first_week_class", age=world.between(0, 2)), public(world.rng)
        for moment in world.awake(world.rate(7, 0.9), zone=-5, burst=3.0):
            if world.maybe(0.5):
                world.emit(moment, account, client, where, f"explain step by step: {world.pick(sheet)}", answer=world.lengths(380, 0.5))
            else:
                world.talk(moment, account, client, where)


def gateway(world: World) -> None:
    organization, card, client = f"org_{digest(world.seed, 'corp')}", f"pay_{digest(world.seed, 'corp')}", own(world.rng, "llm-gateway")
    room = network(world.rng, "hosting", 1)
    for seat in range(world.count(15, 40)):
        account = world.account("enterprise_gateway", age=world.between(50, 400), card=card, organization=organization)
        for moment in world.awake(world.rate(14, 1.1), zone=1):
            world.talk(moment, account, client, room, end_user=f"seat{seat}")


def reseller(world: World, name: str) -> tuple[Stack, list[Network], list[Account]]:
    """A grey reseller: accounts that are pooled for ordinary customers, behind a relay."""
    client, exits = own(world.rng, f"relay-{name}"), rotating(world.rng, "hosting", 4)
    pool = [world.account("grey_reseller", age=world.between(2, 60), reseller=name) for _ in range(world.count(12, 34))]
    for user in range(world.count(60, 160)):
        zone = world.pick([7, 8, 8, 9])
        sticky: dict[int, Account] = {}
        for moment in world.awake(world.rate(3.5, 1.0), zone=zone):
            account = sticky.setdefault(int(moment // HOUR), world.pick(pool))
            world.talk(moment, account, client, world.pick(exits), end_user=f"dev{user}")
    return client, exits, pool


# --- campaigns ------------------------------------------------------------------------------------------------------------------


def _crew(
    world: World, name: str, count: int, kind: str, *, ages: tuple[float, float] = (0.1, 60), reseller: str | None = None
) -> list[Account]:
    """Return a campaign's accounts: fresh or aged, with few cards or one each."""
    low, high = ages
    oldest = world.log_between(max(2.0, low), max(3.0, high) * (8 if world.maybe(0.4) else 1))
    per_card = world.pick([1, 1, 2, 4, 8])
    return [
        world.account(
            kind,
            age=world.between(low, oldest),
            card=f"pay_{digest(name, index // per_card, world.seed)}",
            campaign=name,
            reseller=reseller,
        )
        for index in range(count)
    ]


def _exits(world: World) -> list[list[Network]]:
    """Return the networks of a campaign: a rotating pool, or homes that each account keeps."""
    if world.maybe(0.5):
        pool = rotating(world.rng, world.pick(["residential", "hosting"]), world.count(3, 9))
        return [pool]
    return [person(world.rng) if world.maybe(0.6) else rotating(world.rng, "residential", 1) for _ in range(40)]


def campaign(world: World, name: str, kind: str, count: int, per_day: float, ask: Ask, **how: Any) -> None:
    """Deal a job over accounts. `how`: answer (median, spread), messages, fields (more of the event), mix (ordinary talk), stack, slow."""
    rng = world.rng
    crew = _crew(world, name, count, kind)
    shared = how.get("stack") or (own(rng, f"tool-{name}") if world.maybe(0.5) else public(rng))
    diverse, exits = world.maybe(0.3) and "stack" not in how, _exits(world)
    stacks = [public(rng) if diverse else shared for _ in crew]
    flat, zone = world.pick([0.05, 0.2, 1e6]), world.count(-8, 9)
    skew = world.pick([0.02, 0.05, 0.15, 0.3])
    median, spread = how.get("answer", (world.log_between(250, 900), world.between(0.25, 0.6)))
    mix, slow = float(how.get("mix", 0.0)), bool(how.get("slow"))
    start = world.between(0, 0.25) * world.days * DAY
    for index, account in enumerate(crew):
        own_rate = world.rate(per_day, skew)
        moments = world.awake(own_rate, zone=zone, flat=flat, start=start)
        if slow:
            moments = moments[rng.random(len(moments)) < np.clip((moments - start) / (0.5 * world.days * DAY), 0.04, 1.0)]
        for moment in moments:
            where = world.pick(exits[index % len(exits)])
            client = stacks[index]
            if world.maybe(mix):
                world.talk(moment, account, client, where)
                continue
            fields = how.get("fields", dict)()
            world.emit(moment, account, client, where, ask(), answer=world.lengths(median, spread), **fields)


def job(world: World, templates: Sequence[str], kind: str = "maths") -> Ask:
    """Return what gives the next prompt of a job that is done once."""
    items, templates = slots(world, kind), list(templates)
    state = {"next": 0}

    def ask() -> str:
        state["next"] += 1
        return str(world.pick(templates)).replace("{}", items[state["next"] % len(items)])

    return ask


def attacks(world: World) -> list[Callable[[], None]]:
    """Return every kind of campaign that this author can think of, each with numbers drawn anew."""

    def size() -> int:
        return world.count(8, 60)

    def rate() -> float:
        return world.log_between(8, 45)

    def single() -> None:
        campaign(world, "single", "single_turn", size(), rate(), job(world, wordings(world, world.count(1, 5))))

    def history() -> None:
        ask = job(world, wordings(world, world.count(1, 3)), "mixed")

        def told() -> Event:
            return {"messages": 1 + 2 * world.count(1, 4), "given": world.count(300, 1500)}

        campaign(world, "history", "invented_history", size(), rate(), ask, fields=told)

    def tools() -> None:
        schemas = [digest(world.seed, "schema", index) for index in range(world.count(1, 4))]

        def called() -> Event:
            return {"tool_count": 3, "tool_hash": world.pick(schemas), "finish": "tool_calls", "messages": world.pick([1, 2, 3])}

        ask = job(world, [f"{patchwork(world.rng, 1)} Use the tools. Task: {{}}"], "code")
        campaign(world, "tools", "tool_calls", size(), rate() * 1.3, ask, answer=(world.between(80, 150), 0.35), fields=called)

    def graded() -> None:
        rubric = f"Grade the answer against the rubric. {patchwork(world.rng, 2)}. Reply with a number. {{}}"
        ask = job(world, [rubric], "mixed")

        def candidate() -> str:
            return f"{ask()} Candidate: {patchwork(world.rng, 6)}"

        fields = {"gen_ai__request__temperature": 0, "gen_ai__request__max_tokens": 8}
        campaign(world, "graded", "short_graded", size(), rate() * 1.5, candidate, answer=(3, 0.4), fields=lambda: dict(fields))

    def logprobs() -> None:
        fields = {"gen_ai__request__top_logprobs": world.pick([5, 10, 20]), "gen_ai__request__max_tokens": 1}
        ask = job(world, ["{}"], "mixed")
        campaign(world, "logprobs", "logprob_harvest", world.count(3, 30), rate() * 2, ask, answer=(1, 0.01), fields=lambda: dict(fields))

    def nbest() -> None:
        fields = {"gen_ai__request__choice__count": world.pick([4, 8, 16]), "gen_ai__request__temperature": 1.0}
        ask = job(world, wordings(world, 2))
        campaign(world, "nbest", "n_best", size(), rate(), ask, answer=(1600, 0.4), fields=lambda: dict(fields))

    def harness() -> None:
        ask = job(world, ["Question: {}\nLet's think step by step.\nAnswer:"])
        campaign(world, "harness", "harness_wording", size(), rate(), ask, answer=(world.log_between(150, 400), 0.4))

    def slow() -> None:
        campaign(world, "slow", "slow_start", size(), rate() * 1.5, job(world, wordings(world, 3)), slow=True)

    def relay() -> None:
        client, _, pool = reseller(world, "pier")
        campaign(world, "relay", "relay_shared", size(), rate(), job(world, wordings(world, 2)), stack=client, mix=world.pick([0.0, 0.3]))
        del pool

    def languages() -> None:
        ask = job(world, [*FOREIGN, *wordings(world, 4)])
        campaign(world, "languages", "many_languages", world.count(15, 60), rate(), ask)

    def medium() -> None:
        ask = job(world, wordings(world, 2), "code")
        campaign(world, "medium", "medium_answers", size(), rate() * 1.3, ask, answer=(world.between(130, 260), 0.25))

    def mixed() -> None:
        campaign(world, "mixed", "mixed_in", size() + 10, rate() * 1.5, job(world, wordings(world, 2)), mix=world.between(0.4, 0.7))

    def stolen() -> None:
        stolen_keys(world)

    return [single, history, tools, graded, logprobs, nbest, harness, slow, relay, languages, medium, mixed, stolen]


def stolen_keys(world: World) -> None:
    """Keys of firms that leaked: the owners go on as ever, and from an hour on a thief's program works beside them."""
    client, exits, ask = own(world.rng, "keyring"), rotating(world.rng, "hosting", 3), job(world, wordings(world, 2))
    start = world.between(0.25, 0.5) * world.days * DAY
    for _ in range(world.count(6, 20)):
        account = world.account("stolen_key", age=world.between(90, 700), victim_of="stolen")
        mine, room, system = public(world.rng), network(world.rng, "hosting", 2), patchwork(world.rng, 3)
        for moment in world.awake(world.log_between(20, 80), zone=1):
            world.emit(moment, account, mine, room, patchwork(world.rng, 2), answer=world.lengths(90, 0.6), system_prompt=system)
        for moment in world.flat(world.log_between(20, 60), start=start):
            world.emit(moment, account, client, world.pick(exits), ask(), answer=world.lengths(500, 0.4))


CROWDS = (cron_script, contractors, course, translators, white_label, coding_agents, benchmarkers, harnesses, hackathon, freshers, gateway)


def build(seed: int, days: int = 2, people: int = 1600) -> World:
    """Draw a world: ordinary people and firms, most of the crowds, and six to eight campaigns of different kinds."""
    world = World(seed, days)
    hobbyists(world, people)
    tenants(world, people // 50)
    for crowd in CROWDS:
        if world.maybe(0.8):
            crowd(world)
    reseller(world, "quay")
    kinds = attacks(world)
    for index in world.rng.permutation(len(kinds))[: world.count(6, 8)]:
        kinds[int(index)]()
    return world
