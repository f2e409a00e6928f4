"""The demonstration's accounts besides the campaigns: ordinary people, and look-alikes that must not be accused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from streams.demo import prompts, stacks
from streams.demo.log import Requests
from streams.demo.scene import COUNTRIES, HOURS_EAST, Ints, Scene, chosen, tokens
from streams.demo.schedule import Talks, bursts, heavy_tailed, talks
from streams.demo.words import LANGUAGES

_LANGUAGES = {"DE": "german", "ES": "spanish", "FR": "french", "CN": "chinese", "BR": "portuguese"}
_MODELS = ("hydro-large", "hydro-small", "hydro-reason")
_REASONING_MODEL_INDEX = 2
_SYSTEM = "You are a friendly helper of few words."
_PATCHWRIGHT = "You are Patchwright, a tool that edits code in the user's own repository. Keep changes small, run the tests."


def converse(scene: Scene, accounts: Ints, conversations: Talks, **facts: Any) -> None:
    """Add conversations: history grows the input, later turns are cached, a fifth go to the model that reasons.

    `facts` sets or replaces columns of `Requests`; `stack`, `location`, `call` and `writer` are needed.
    """
    rng, count = scene.rng, len(conversations.time)
    talk_count = int(conversations.talk.max(initial=0)) + 1
    model = rng.choice(3, size=talk_count, p=[0.5, 0.3, 0.2])[conversations.talk]
    thought = np.where(model == _REASONING_MODEL_INDEX, tokens(rng, count, 420, 0.9), 0)
    given = tokens(rng, count, 90, 0.9) + conversations.turn * tokens(rng, count, 260, 0.5)
    columns = {
        "account": accounts[conversations.owner],
        "model": np.array([scene.log.model(name) for name in _MODELS])[model],
        "input_tokens": given,
        "output_tokens": tokens(rng, count, 190, 0.95) + thought,
        "reasoning_tokens": np.where(model == _REASONING_MODEL_INDEX, thought, -1),
        "cached_tokens": np.where(conversations.turn > 0, (given * 0.6).astype(np.int64), 0),
        "seed": scene.seeds(talk_count)[conversations.talk],
        "conversation": conversations.talk,
        "messages": 2 * conversations.turn + 1,
        "turn": conversations.turn,
    }
    scene.log.add(Requests(time=scene.start + conversations.time, **(columns | facts)))


def programs(scene: Scene) -> list[list[int]]:
    """Register the sets of programs that people use: browsers and phones mostly, some libraries."""
    browsers = [scene.stack(stacks.CHROME.at(f"14{minor}")) for minor in range(4)] + [scene.stack(stacks.FIREFOX)]
    phone = scene.stack(stacks.PHONE)
    libraries = [scene.stack(stacks.OPENAI_PYTHON.at(f"1.9{minor}.0", f"CPython 3.1{minor}.4")) for minor in range(4)]
    libraries += [scene.stack(each) for each in (stacks.ANTHROPIC_PYTHON, stacks.OPENAI_NODE, stacks.CURL, stacks.GO, stacks.JAVA)]
    return [[each, phone] for each in browsers] * 2 + [[phone, browsers[0]]] * 4 + [[each] for each in libraries]


def casual_calls(scene: Scene) -> Ints:
    """Register the kinds of call that people's programs make."""
    return np.array(
        [
            scene.call(stream=True),
            scene.call(stream=True, temperature=0.7),
            scene.call(max_tokens=1024),
            scene.call(stream=True, max_tokens=4096, temperature=1.0),
            scene.call(system=_SYSTEM),
        ]
    )


def _tongues(scene: Scene, country: Ints) -> Ints:
    """Return each person's prompt writer: a quarter write English in every country."""
    known = {name: scene.log.writer(prompts.chat(language)) for name, language in LANGUAGES.items()}
    spoken = np.array([known[_LANGUAGES.get(code, "english")] for code in COUNTRIES])[country]
    return np.where(scene.rng.binomial(1, 0.25, len(country)), known["english"], spoken)


def ordinary_people(scene: Scene, accounts: int, requests: int) -> None:
    """Add light accounts that live by day, chat in their languages, roam between networks, and differ widely in volume."""
    rng = scene.rng
    country = rng.choice(len(COUNTRIES), accounts, p=[0.3, 0.1, 0.1, 0.08, 0.1, 0.08, 0.08, 0.08, 0.05, 0.03])
    owners = np.array([scene.account("ordinary", age) for age in scene.ages(accounts)])
    kits = programs(scene)
    phase = (HOURS_EAST[country] + rng.normal(0, 1.5, accounts)) * 3600
    conversations = talks(rng, heavy_tailed(rng, accounts, 1.1), phase, requests, scene.span)
    calls = casual_calls(scene)
    converse(
        scene,
        owners,
        conversations,
        stack=chosen(rng, conversations, [kits[index] for index in rng.integers(0, len(kits), accounts)]),
        location=chosen(rng, conversations, [scene.haunts(each) for each in country]),
        call=calls[rng.integers(0, len(calls), accounts)][conversations.owner],
        writer=_tongues(scene, country)[conversations.owner],
    )


def coding_tool(scene: Scene, accounts: int, requests: int) -> None:
    """Add the users of a coding tool: long sessions, tools, big cached contexts, one program in several versions."""
    rng, span = scene.rng, scene.span
    country = rng.integers(0, 8, accounts)
    owners = np.array([scene.account("coding tool", age) for age in scene.ages(accounts)])
    versions = [scene.stack(stacks.CODING_TOOL.at(f"1.{minor}.2", f"node v22.{minor}.0")) for minor in range(5, 9)]
    conversations = talks(rng, heavy_tailed(rng, accounts, 0.9), HOURS_EAST[country] * 3600.0, requests, span, turns=14.0)
    context = 3000 + conversations.turn * tokens(rng, len(conversations.time), 900, 0.6)
    converse(
        scene,
        owners,
        conversations,
        stack=np.array(versions)[rng.integers(0, len(versions), accounts)][conversations.owner],
        location=chosen(rng, conversations, [scene.haunts(each) for each in country]),
        call=scene.call(stream=True, max_tokens=32000, tools=14, tool_hash=stacks.digest("patchwright tools"), system=_PATCHWRIGHT),
        writer=scene.log.writer(prompts.code),
        input_tokens=context,
        cached_tokens=(context * np.where(conversations.turn > 0, 0.9, 0.4)).astype(np.int64),
        output_tokens=tokens(rng, len(conversations.time), 140, 1.1),
        reasoning_tokens=-1,
    )


def batch_job(scene: Scene, requests: int) -> None:
    """Add one company's batch job: every night thousands of single questions of one form, one-word answers."""
    rng = scene.rng
    nights = int(np.ceil(scene.span / 86_400))
    begun = np.arange(requests) % nights * 86_400.0 + 3600.0
    scene.log.add(
        Requests(
            time=scene.start + (begun + rng.uniform(0, 5400, requests)) % scene.span,
            account=scene.account("batch job", 410.0),
            stack=scene.stack(stacks.JAVA),
            location=scene.location("hosting", 3, "DE"),
            call=scene.call(max_tokens=8, temperature=0.0),
            writer=scene.log.writer(prompts.ticket),
            model=scene.log.model("hydro-small"),
            seed=scene.seeds(requests),
            input_tokens=tokens(rng, requests, 130, 0.4),
            output_tokens=rng.integers(1, 4, requests),
        )
    )


def evaluation_harness(scene: Scene, requests: int) -> None:
    """Add an evaluation team: one organisation asks the same 400 exam questions of every model, temperature 0."""
    rng = scene.rng
    organization, card = scene.token("org"), scene.token("card")
    owners = np.array([scene.account("evaluation harness", age, organization=organization, card=card) for age in (600.0, 35.0)])
    order = np.arange(requests)
    models = np.array([scene.log.model(name) for name in _MODELS])
    scene.log.add(
        Requests(
            time=scene.start + bursts(rng, requests, scene.span, 2.5, rng.exponential(1.0, 96) * rng.binomial(1, 0.25, 96) + 1e-3),
            account=owners[order // 400 % 2],
            stack=scene.stack(stacks.OPENAI_PYTHON.at("1.97.0")),
            location=scene.location("education", 310, "GB"),
            call=scene.call(max_tokens=16, temperature=0.0, seed=1234),
            writer=scene.log.writer(prompts.exam),
            model=models[order // 400 % 3],
            seed=order % 400,
            input_tokens=tokens(rng, requests, 95, 0.25),
            output_tokens=rng.integers(1, 17, requests),
        )
    )


def enterprise_gateway(scene: Scene, seats: int, requests: int) -> None:
    """Add a company whose gateway sends all its seats' requests: one organisation, one card, one network, office hours."""
    rng = scene.rng
    organization, card = scene.token("org"), scene.token("card")
    owners = np.array([scene.account("gateway seat", 250 - 2.0 * seat, organization=organization, card=card) for seat in range(seats)])
    conversations = talks(rng, heavy_tailed(rng, seats, 0.9), np.full(seats, 3600.0), requests, scene.span)
    converse(
        scene,
        owners,
        conversations,
        stack=scene.stack(stacks.GATEWAY),
        location=scene.location("hosting", 11, "FR"),
        call=scene.call(stream=True, temperature=0.3, system="Internal assistant of the company. Follow the house style."),
        writer=scene.log.writer(prompts.seat),
        end_user=conversations.owner + 1,
        connection=1000 + conversations.talk % 16,
    )


def grey_reseller(scene: Scene, accounts: int, users: int, requests: int) -> None:
    """Add a reseller without permission: a relay spreads `users`, ordinary people, over pooled accounts, sticky for an hour."""
    rng = scene.rng
    pool = np.array([scene.account("grey reseller", age) for age in rng.uniform(20, 300, accounts)])
    country = rng.integers(0, len(COUNTRIES), users)
    conversations = talks(rng, heavy_tailed(rng, users, 1.2), HOURS_EAST[country] * 3600.0, requests, scene.span)
    seat = (conversations.owner * 31 + (conversations.time // 3600).astype(np.int64) * 17) % accounts
    devices = [
        scene.stack(stacks.RELAY.at(f"1.{rng.integers(2, 9)}.{rng.integers(9)}", f"node v{rng.integers(18, 25)}.0.0")) for _ in range(24)
    ]
    exits = [scene.location("hosting", 21, "JP") for _ in range(3)]
    converse(
        scene,
        pool,
        replace(conversations, owner=seat),
        stack=np.array(devices)[conversations.owner % len(devices)],
        location=np.array(exits)[seat % len(exits)],
        call=casual_calls(scene)[conversations.owner % 5],
        writer=_tongues(scene, country)[conversations.owner],
        end_user=conversations.owner + 1,
    )
