"""A little world in which nearly every feature tells accounts apart, to find out which no longer do when a log lacks fields.

Sixteen accounts of one campaign (one card, one stack, one wording, dealt out by a clock) and twenty-four people who ask for things of
their own, thirty requests each over two and a half days. It is not for judging detection: only for what a feature needs.

What each field alone blinds is worked out once, by `make render`, into `what_fields_blind.json`: half a second a field. What a feature of
another package needs is found when a log is replayed.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec
import numpy as np
import orjson

from streams.core.settings import Settings
from streams.features.registry import by_name
from streams.intake.collector import Collector
from streams.replay.blind_fields import TABLE, BlindFields, stored
from streams.replay.in_process import Pipeline
from streams.schema import blocks, layouts, topics
from streams.schema.event import FIELDS, REQUIRED, Event
from streams.stages.stage import Message

WORLD_START_SECONDS: Final = 1_790_000_000.0
"""Seconds since 1970."""
TOTAL_ACCOUNTS: Final = 40
CAMPAIGN_ACCOUNTS: Final = 16
ACCOUNT_REQUESTS: Final = 30
BURST_PAUSE_SECONDS: Final = 7200.0
FREE_HABITS: Final = 3
"""People from this habit on change their parameters and conversations from call to call."""
BURST_REQUESTS: Final = 5
"""Requests of an account that come together."""
_BATCH_EVENTS: Final = 200
_WORDS: Final = "river stone paper window garden letter bridge summer winter market doctor school window engine island music"
_JOBS: Final = (
    "Solve the following problem step by step and show your reasoning in full before the answer:",
    "Rate the following answer from 1 to 10 and explain your score:",
    "Write a full agent trajectory with every tool call for this task:",
    "",
    "",
)


def blind_without(missing: frozenset[str]) -> frozenset[str]:
    """Return what tells the entities of this world apart, and no longer does once these fields (canonical names) are left out of it.

    A feature tells apart when more than one row differs from its usual value; a kind of group, `groups by payment`, when there is a group
    of it.
    """
    if len(missing) == 1:
        return blind_without_each(missing)[min(missing)]
    return _whole() - _distinguishing(missing) if missing else frozenset()


def blind_without_each(fields: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return what each of these optional fields (canonical names) blinds when it alone is left out.

    The table has it for our own features. Which field blinds a feature of another package is found by halves.
    """
    alone = {field: frozenset(stored().blind_without[field]) for field in fields}
    for feature in _whole() - {*stored().distinguishing}:
        for field in _blinding(feature, sorted(fields)):
            alone[field] |= {feature}
    return alone


def table() -> str:
    """Return the text of `what_fields_blind.json`, worked out anew: what tells apart, and what of it each optional field blinds alone."""
    whole = _distinguishing(frozenset())
    alone = {field.wire: sorted(whole - _distinguishing(frozenset({field.wire}))) for field in FIELDS if field.wire not in REQUIRED}
    content = BlindFields(sorted(by_name()), sorted(whole), alone)
    return json.dumps(msgspec.to_builtins(content), indent=2) + "\n"


@cache
def _whole() -> frozenset[str]:
    """Return what tells apart when no field is missing: as the table says, unless features of other packages are installed."""
    known = stored().features == sorted(by_name())
    return frozenset(stored().distinguishing) if known else _distinguishing(frozenset())


def _blinding(feature: str, fields: list[str]) -> list[str]:
    """Return which of some fields blind a feature alone. Fields that do not blind it together are not asked one by one."""
    if not fields or feature in _distinguishing(frozenset(fields)):
        return []
    middle = len(fields) // 2
    return _blinding(feature, fields[:middle]) + _blinding(feature, fields[middle:]) if middle else fields


@cache
def _distinguishing(missing: frozenset[str]) -> frozenset[str]:
    values: dict[str, Counter[float]] = defaultdict(Counter)
    kinds = set[str]()

    def on_message(message: Message) -> None:
        if message.topic == topics.SCORES:
            block = blocks.decode(message.content, layouts.SCORES)
            for name, column in zip(block.names("features"), block.vectors("features").T, strict=True):
                values[name].update(column[~np.isnan(column)].tolist())
            kinds.update(f"groups by {kind}" for kind in {*block.texts("entity_kind")} - {"account"})

    settings = Settings(mode="local", partitions=1)
    collector, pipeline = Collector(settings), Pipeline(1, bytes(32), on_message)
    events = _events()
    for begin in range(0, len(events), _BATCH_EVENTS):
        batch = events[begin : begin + _BATCH_EVENTS]
        lines = [orjson.dumps({name: value for name, value in event.items() if name not in missing}) for event in batch]
        step = collector.add(lines, "little world", batch[-1]["timestamp"])
        for outgoing in [*step.outgoing, *collector.flush()]:
            pipeline.feed(outgoing.partition, outgoing.data)
    telling = (name for name, seen in values.items() if seen.total() - max(seen.values(), default=0) > 1)
    return frozenset(telling) | kinds


@cache
def _events() -> list[Event]:
    draw = random.Random(7)
    return sorted(
        (event for account in range(TOTAL_ACCOUNTS) for event in _of_account(account, draw)),
        key=lambda event: (event["timestamp"], event["event.id"]),
    )


def _of_account(account: int, draw: random.Random) -> Iterator[Event]:
    who = _campaign(account) if account < CAMPAIGN_ACCOUNTS else _person(account)
    habit = account % 5
    for request in range(ACCOUNT_REQUESTS):
        topic = " ".join(draw.choices(_WORDS.split(), k=9))
        asks = _JOBS[0] if account < CAMPAIGN_ACCOUNTS else _JOBS[habit]
        yield {
            **who,
            **_call(habit, request),
            "timestamp": WORLD_START_SECONDS
            + request // BURST_REQUESTS * BURST_REQUESTS * BURST_PAUSE_SECONDS
            + request % BURST_REQUESTS * 60
            + draw.uniform(0, 600),
            "event.id": f"{account}-{request}",
            "gen_ai.conversation.id": f"{account}-{0 if habit < FREE_HABITS else request % 5}",
            "system_prompt": "You solve hard problems carefully and answer in full"
            if not habit
            else f"You are an assistant for every {_WORDS.split()[request % (1 + habit)]}",
            "prompt": f"{asks} {topic}".strip(),
            "client.address": f"10.{account}.{request % (1 + habit)}.1",
        }


def _campaign(account: int) -> Event:
    return {
        "account.id": f"campaign-{account}",
        "account.created": WORLD_START_SECONDS - 172_800 + account * 20,
        "organization.id": f"organisation-{account}",
        "payment.hash": "one card",
        "user_agent.original": "python-requests/2",
        "tls.client.ja4": "t13d1516h2",
        "tool_hash": "one set of tools",
    }


def _person(account: int) -> Event:
    return {
        "account.id": f"person-{account}",
        "account.created": WORLD_START_SECONDS - account * 864_000,
        "organization.id": f"organisation-{account}",
        "payment.hash": f"card {account}",
        "user_agent.original": f"client-{account % 5}/1",
        "tls.client.ja4": f"t13d{account % 7}",
        "tool_hash": f"tools {account % 7}",
    }


def _call(habit: int, request: int) -> Event:
    """Return what is left of an event. People of different habits (0..4) differ in all of it, and within it from call to call."""
    model = "large-2" if request > ACCOUNT_REQUESTS * 2 / 3 else "large-1"
    turn = request % (1 + habit)
    varied = {
        "gen_ai.request.temperature": 0.7 if habit < FREE_HABITS else turn / 4,
        "gen_ai.request.top_p": 1.0 if habit < FREE_HABITS else 0.5 + turn / 10,
        "gen_ai.request.max_tokens": 900 if habit < FREE_HABITS else 400 + 100 * turn,
        "gen_ai.request.seed": 1 if habit == turn else None,
        "gen_ai.request.top_logprobs": 5 if habit == turn else None,
    }
    return {name: value for name, value in varied.items() if value is not None} | {
        "api_key.id": f"key {turn}",
        "user.id": f"user {turn}",
        "client.as.number": 16509 + turn,
        "client.as.type": "hosting" if turn else "isp",
        "client.geo.country_iso_code": "NZ",
        "connection.id": f"connection {request}",
        "tls.client.ja3": "771,4865",
        "network.protocol.version": "2",
        "http.request.header_names": ["host", "user-agent", "accept", *(["x-title"] if turn else [])],
        "http.request.header.accept-encoding": "gzip",
        "http.request.body.shape": "model,messages",
        "sdk.language": "python",
        "sdk.version": f"1.{turn}",
        "sdk.runtime": "CPython",
        "http.response.status_code": 200 if request % 7 else 429,
        "http.server.request.duration": 4.0 + 900 * turn,
        "gen_ai.response.time_to_first_chunk": 0.4,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "provider",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.request.stream": True,
        "gen_ai.request.choice.count": 1 + turn,
        "gen_ai.usage.input_tokens": 500 + 10 * turn,
        "gen_ai.usage.output_tokens": 800 if request % 3 else 3,
        "gen_ai.usage.cache_read.input_tokens": 10 * turn,
        "gen_ai.usage.reasoning.output_tokens": 100 * turn,
        "gen_ai.response.finish_reasons": ["length" if turn else "stop"],
        "message_count": 1 + 2 * turn,
        "tool_count": habit,
    }


def main() -> None:
    """Write the table, for `make render`."""
    TABLE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
