"""The stages alone, without a broker: events per CPU-second of this process, bytes, and memory. Prints one line of JSON.

The limit is what decoding the blocks costs: no design on these blocks can be faster than that.
"""

from __future__ import annotations

import json
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from collecting import busy, collect, demonstration
from sample import Sample

from streams.core.settings import Settings
from streams.intake.collector import collect_garbage_rarely
from streams.schema import blocks, layouts, topics
from streams.stages.stage import Message, Stage
from streams.testing.figures import Figures
from streams.worker.stages import makers

PARTITIONS = 4
EVENTS = 120_000
WARM_UP = 40_000
LIGHT = 40_000
LINES = 20_000


def measure() -> Figures:
    """Return every figure."""
    return _bench() | _light() | _collect()


def _bench() -> Figures:
    """Decode, accounts and groups on the benchmark's blocks."""
    cut = Sample.draw(EVENTS).blocks(PARTITIONS)
    decode = _speed(lambda: [blocks.decode(data, layouts.REQUESTS) for _, _, data in cut], EVENTS)
    accounts, groups = _stages(topics.ACCOUNTS_AGENT), _stages(topics.GROUPS_AGENT)
    seconds = {"accounts": 0.0, "groups": 0.0}
    seen = measured = 0
    for offset, (place, count, data) in enumerate(cut):
        began = time.process_time()
        messages = accounts[place].apply(data, offset)
        between = time.process_time()
        _forward(messages, groups, offset)
        seen += count
        if seen > WARM_UP:
            measured += count
            seconds["accounts"] += between - began
            seconds["groups"] += time.process_time() - between
    stored = Counter[str]()
    for stage in accounts:
        for chunk in stage.dirty():
            stored["accounts" if chunk.startswith("accounts/") else "shared"] += len(stage.dump(chunk))
    entities = sum(stage.counters()["entities"] for stage in accounts)
    return {
        "decode_events_per_cpu_second": decode,
        "accounts_events_per_cpu_second": measured / seconds["accounts"],
        "groups_events_per_cpu_second": measured / seconds["groups"],
        "ticks_per_event": sum(stage.counters()["ticks"] for stage in accounts) / EVENTS,
        "group_rows_per_event": sum(stage.counters()["rows"] for stage in groups) / EVENTS,
        "block_bytes_per_event": sum(len(data) for _, _, data in cut) / EVENTS,
        "state_bytes_per_account": accounts[0].counters()["state_bytes_per_entity"],
        "checkpoint_bytes_per_account": stored["accounts"] / entities,
        "checkpoint_bytes_of_shingles_and_models": stored["shared"],
    }


def _stages(agent: str) -> list[Stage]:
    make = makers(Settings(mode="local", partitions=PARTITIONS))[agent]
    return [make(place, {}) for place in range(PARTITIONS)]


def _forward(messages: list[Message], groups: list[Stage], offset: int) -> None:
    for message in messages:
        if message.topic == topics.GROUPS:
            groups[message.partition].apply(message.value, offset)


def _light() -> Figures:
    """Apply blocks in which every event is of another, new account: the dearest traffic there is. Also the memory that they take."""
    cut = Sample.draw(LIGHT, light=True).blocks(PARTITIONS)
    stages = _stages(topics.ACCOUNTS_AGENT)
    before = _resident()

    def apply() -> None:
        for offset, (place, _, data) in enumerate(cut):
            stages[place].apply(data, offset)

    speed = _speed(apply, LIGHT)
    return {"light_accounts_events_per_cpu_second": speed, "resident_bytes_per_light_account": (_resident() - before) / LIGHT}


def _resident() -> int:
    """Return the bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _collect() -> Figures:
    """Parse, sketch, redact and cut the demonstration's lines, prompts and all, as they come on a busy site."""
    lines = busy(demonstration(LINES))
    collect_garbage_rarely()
    return {
        "collect_events_per_cpu_second": _speed(lambda: collect(lines), len(lines)),
        "line_bytes_per_event": sum(map(len, lines)) / len(lines),
    }


def _speed(work: Callable[[], object], events: int) -> float:
    began = time.process_time()
    work()
    return events / (time.process_time() - began)


if __name__ == "__main__":
    print(json.dumps(measure()))
