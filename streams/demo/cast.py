"""Who appears in the demonstration besides the campaigns: ordinary people and the look-alikes that must not be accused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from streams.demo import prompts, stacks
from streams.demo.log import Requests
from streams.demo.scene import COUNTRIES, HOURS_EAST, Ints, Scene, chosen, tokens
from streams.demo.schedule import Talks, bursts, heavy_tailed, talks
from streams.demo.words import LANGUAGES

_SPOKEN = {"DE": "german", "ES": "spanish", "FR": "french", "CN": "chinese", "BR": "portuguese"}
_MODELS = ("hydro-large", "hydro-small", "hydro-reason")
_REASONING = 2
_SYSTEM = "You are a friendly helper of few words."
_PATCHWRIGHT = "You are Patchwright, a tool that edits code in the user's own repository. Keep changes small, run the tests."


def converse(scene: Scene, accounts: Ints, said: Talks, **facts: Any) -> None:
    """Add conversations: history grows the input, later turns are cached, a fifth go to the model that reasons.

    `facts` sets or replaces columns of `Requests`; `stack`, `place`, `call` and `writer` are needed.
    """
    rng, count = scene.rng, len(said.time)
    every = int(said.talk.max(initial=0)) + 1
    model = rng.choice(3, size=every, p=[0.5, 0.3, 0.2])[said.talk]
    thought = np.where(model == _REASONING, tokens(rng, count, 420, 0.9), 0)
    given = tokens(rng, count, 90, 0.9) + said.turn * tokens(rng, count, 260, 0.5)
    columns = {
        "account": accounts[said.owner],
        "model": np.array([scene.log.model(name) for name in _MODELS])[model],
        "input_tokens": given,
        "output_tokens": tokens(rng, count, 190, 0.95) + thought,
        "reasoning_tokens": np.where(model == _REASONING, thought, -1),
        "cached_tokens": np.where(said.turn > 0, (given * 0.6).astype(np.int64), 0),
        "seed": scene.seeds(every)[said.talk],
        "conversation": said.talk,
        "messages": 2 * said.turn + 1,
        "turn": said.turn,
    }
    scene.log.add(Requests(time=scene.start + said.time, **(columns | facts)))


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
    """Return each person's prompt writer: a quarter write English wherever they live."""
    known = {name: scene.log.writer(prompts.chat(language)) for name, language in LANGUAGES.items()}
    spoken = np.array([known[_SPOKEN.get(code, "english")] for code in COUNTRIES])[country]
    return np.where(scene.rng.binomial(1, 0.25, len(country)), known["english"], spoken)


def ordinary_people(scene: Scene, accounts: int, requests: int) -> None:
    """Add light accounts that live by day, chat in their languages, roam between networks, and differ widely in volume."""
    rng = scene.rng
    country = rng.choice(len(COUNTRIES), accounts, p=[0.3, 0.1, 0.1, 0.08, 0.1, 0.08, 0.08, 0.08, 0.05, 0.03])
    owners = np.array([scene.account("ordinary", age) for age in scene.ages(accounts)])
    kits = programs(scene)
    phase = (HOURS_EAST[country] + rng.normal(0, 1.5, accounts)) * 3600
    said = talks(rng, heavy_tailed(rng, accounts, 1.1), phase, requests, scene.span)
    calls = casual_calls(scene)
    converse(
        scene,
        owners,
        said,
        stack=chosen(rng, said, [kits[index] for index in rng.integers(0, len(kits), accounts)]),
        place=chosen(rng, said, [scene.haunts(each) for each in country]),
        call=calls[rng.integers(0, len(calls), accounts)][said.owner],
        writer=_tongues(scene, country)[said.owner],
    )


def coding_tool(scene: Scene, accounts: int, requests: int) -> None:
    """Add the users of a coding tool: long sessions, tools, big cached contexts, one program in several versions."""
    rng, span = scene.rng, scene.span
    country = rng.integers(0, 8, accounts)
    owners = np.array([scene.account("coding tool", age) for age in scene.ages(accounts)])
    versions = [scene.stack(stacks.CODING_TOOL.at(f"1.{minor}.2", f"node v22.{minor}.0")) for minor in range(5, 9)]
    said = talks(rng, heavy_tailed(rng, accounts, 0.9), HOURS_EAST[country] * 3600.0, requests, span, turns=14.0)
    context = 3000 + said.turn * tokens(rng, len(said.time), 900, 0.6)
    converse(
        scene,
        owners,
        said,
        stack=np.array(versions)[rng.integers(0, len(versions), accounts)][said.owner],
        place=chosen(rng, said, [scene.haunts(each) for each in country]),
        call=scene.call(stream=True, max_tokens=32000, tools=14, tool_hash=stacks.digest("patchwright tools"), system=_PATCHWRIGHT),
        writer=scene.log.writer(prompts.code),
        input_tokens=context,
        cached_tokens=(context * np.where(said.turn > 0, 0.9, 0.4)).astype(np.int64),
        output_tokens=tokens(rng, len(said.time), 140, 1.1),
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
            place=scene.place("hosting", 3, "DE"),
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
            place=scene.place("education", 310, "GB"),
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
    said = talks(rng, heavy_tailed(rng, seats, 0.9), np.full(seats, 3600.0), requests, scene.span)
    converse(
        scene,
        owners,
        said,
        stack=scene.stack(stacks.GATEWAY),
        place=scene.place("hosting", 11, "FR"),
        call=scene.call(stream=True, temperature=0.3, system="Internal assistant of the company. Follow the house style."),
        writer=scene.log.writer(prompts.seat),
        end_user=said.owner + 1,
        connection=1000 + said.talk % 16,
    )


def grey_reseller(scene: Scene, accounts: int, users: int, requests: int) -> None:
    """Add a reseller without permission: a relay spreads ordinary people over pooled accounts, sticky for an hour."""
    rng = scene.rng
    pool = np.array([scene.account("grey reseller", age) for age in rng.uniform(20, 300, accounts)])
    country = rng.integers(0, len(COUNTRIES), users)
    said = talks(rng, heavy_tailed(rng, users, 1.2), HOURS_EAST[country] * 3600.0, requests, scene.span)
    seat = (said.owner * 31 + (said.time // 3600).astype(np.int64) * 17) % accounts
    devices = [
        scene.stack(stacks.RELAY.at(f"1.{rng.integers(2, 9)}.{rng.integers(9)}", f"node v{rng.integers(18, 25)}.0.0")) for _ in range(24)
    ]
    exits = [scene.place("hosting", 21, "JP") for _ in range(3)]
    converse(
        scene,
        pool,
        replace(said, owner=seat),
        stack=np.array(devices)[said.owner % len(devices)],
        place=np.array(exits)[seat % len(exits)],
        call=casual_calls(scene)[said.owner % 5],
        writer=_tongues(scene, country)[said.owner],
        end_user=said.owner + 1,
    )
