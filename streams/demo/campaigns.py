"""The demonstration's two campaigns: a loud one of few accounts, and a hydra of hundreds of quiet ones."""

from __future__ import annotations

import numpy as np

from models.durations import DAY
from streams.demo import prompts, stacks
from streams.demo.cast import converse
from streams.demo.log import Requests
from streams.demo.scene import Scene, tokens
from streams.demo.schedule import bursts, dealt, heavy_tailed, talks
from streams.demo.words import LANGUAGES

LOUD_CAMPAIGN = "loud harvest"
HYDRA = "hydra"
CHAT_SHARE = 0.3
"""Share of the hydra's requests that are ordinary chat."""


def loud_harvest(scene: Scene, accounts: int, requests: int) -> None:
    """Add a few accounts that ask problem after problem for the full reasoning, day and night, from one data centre."""
    rng = scene.rng
    owners = np.array([scene.account("harvester", age, LOUD_CAMPAIGN) for age in rng.uniform(2, 30, accounts)])
    thought = tokens(rng, requests, 900, 0.5)
    scene.log.add(
        Requests(
            time=scene.start + np.sort(bursts(rng, requests, scene.span * 0.8, 0.8)) + scene.span * 0.1,
            account=owners[rng.integers(0, accounts, requests)],
            stack=scene.stack(stacks.OPENAI_PYTHON.at("1.95.0")),
            location=np.array([scene.location("hosting", 31, "US") for _ in range(4)])[rng.integers(0, 4, requests)],
            call=scene.call(max_tokens=16384, temperature=1.0),
            writer=scene.log.writer(prompts.loud_harvest),
            model=scene.log.model("hydro-reason"),
            seed=scene.seeds(requests),
            input_tokens=tokens(rng, requests, 95, 0.3),
            output_tokens=thought + tokens(rng, requests, 420, 0.5),
            reasoning_tokens=thought,
        )
    )


def hydra(scene: Scene, accounts: int, per_day: float) -> int:
    """Add hundreds of accounts of about `per_day` requests each behind one relay; return the number of requests.

    They were made within a week, share eleven cards over as many organisations as accounts, take their work from one
    dispatcher, and answer ordinary customers for nearly a third of their traffic.
    """
    rng = scene.rng
    cards = [scene.token("card") for _ in range(11)]
    owners = np.array(
        [scene.account("hydra member", age, HYDRA, card=cards[index % 11]) for index, age in enumerate(rng.uniform(0.2, 6.0, accounts))]
    )
    total = round(accounts * per_day * scene.span / DAY)
    harvest = round(total * (1 - CHAT_SHARE))
    exits = [scene.location(kind, 40 + index % 5, "SG") for index, kind in enumerate(["hosting", "hosting", "isp"] * 40)]
    relay = scene.stack(stacks.HARVESTER)
    member, moment = dealt(rng, accounts, harvest, scene.span)
    thought = tokens(rng, harvest, 800, 0.55)
    scene.log.add(
        Requests(
            time=scene.start + moment,
            account=owners[member],
            stack=relay,
            location=np.array(exits)[(member + (moment // 7200).astype(np.int64) * 7) % len(exits)],
            call=scene.call(max_tokens=8192, stream=True),
            writer=scene.log.writer(prompts.hydra_harvest),
            model=scene.log.model("hydro-reason"),
            seed=scene.seeds(harvest),
            input_tokens=tokens(rng, harvest, 120, 0.35),
            output_tokens=thought + tokens(rng, harvest, 380, 0.5),
            reasoning_tokens=thought,
        )
    )
    conversations = talks(rng, heavy_tailed(rng, accounts, 0.6), rng.uniform(0, DAY, accounts), total - harvest, scene.span)
    writers = np.array([scene.log.writer(prompts.chat(each)) for each in (LANGUAGES["english"], LANGUAGES["chinese"])])
    converse(
        scene,
        owners,
        conversations,
        stack=relay,
        location=np.array(exits)[conversations.owner % len(exits)],
        call=scene.call(stream=True),
        writer=writers[conversations.owner % 2],
    )
    return total
