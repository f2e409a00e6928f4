"""`make bench-replay`: CPU microseconds an event from JSON to replay files by room, by events in a block, and by partitions. No broker.

With `--against DIR`, another checkout is measured in turn with this one, each round in a process of its own, and the ratios are printed:
a machine that does other things at the same time slows both. A figure is the least over the rounds. Counted beside the times, and the same
in every run: messages, and their bytes, an event.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from collecting import demonstration
from rich.console import Console
from rich.table import Table
from sample import SPAN, Sample

from streams.core.settings import Settings
from streams.intake.collector import Collector, OutgoingBlock, collect_garbage_rarely, read_files
from streams.replay.in_process import Pipeline
from streams.replay.run import Replay
from streams.schema import blocks, topics
from streams.stages.stage import Message
from streams.testing import figures
from streams.testing.figures import Figures

HERE: Final = Path(__file__).resolve().parent
EVENTS: Final = 20_000
"""Of the demonstration, in time order; `--events` replays the first of them."""
ROOMS: Final = ("collect", "encode", "decode", "accounts", "groups", "cases", "writing", "carrying")
PARTITIONS: Final = (1, 4, 16)
BLOCK_EVENTS: Final = (4, 16, 64, 256, 1024, 4096)
WARM_UP: Final = 8_000
KEY: Final = b"a key of the benchmark, 32 bytes"


class Rooms:
    """CPU seconds by room: what a room calls in another is the other's alone."""

    def __init__(self) -> None:
        """Start at zero."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._stack: list[str] = []
        self._since = time.process_time()

    @contextmanager
    def inside(self, room: str) -> Iterator[None]:
        """Count the time until the end of the block for a room."""
        self._turn()
        self._stack.append(room)
        try:
            yield
        finally:
            self._turn()
            self._stack.pop()

    def of(self, room: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose time counts for a room."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.inside(room):
                return function(*args, **kwargs)

        return timed

    def _turn(self) -> None:
        now = time.process_time()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._since
        self._since = now


def replay(lines: Sequence[bytes], partitions: int) -> Figures:
    """Return microseconds an event by room, and messages and bytes an event, of a replay of these lines."""
    settings, rooms, sent = Settings(mode="local", partitions=partitions), Rooms(), list[Message]()
    originals = blocks.encode, blocks.decode
    blocks.encode, blocks.decode = rooms.of("encode", blocks.encode), rooms.of("decode", blocks.decode)
    try:
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "log.jsonl"
            log.write_bytes(b"\n".join(lines))
            run = Replay(partitions, KEY)
            _time_stages(run, rooms, sent)
            request_bytes: list[int] = []
            with rooms.inside("collect"):
                outgoing = read_files([log], settings, collector=Collector(settings))
                events = run.feed(_timed(outgoing, rooms, request_bytes))
            with rooms.inside("writing"):
                run.write(Path(directory) / "out")
    finally:
        blocks.encode, blocks.decode = originals
    return {
        "us_an_event": {room: 1e6 * rooms.seconds[room] / events for room in ROOMS},
        "messages_an_event": len(sent) / events,
        "bytes_an_event": sum(len(message.value) for message in sent) / events,  # packed here: a replay packs none of them
        "request_bytes_an_event": sum(request_bytes) / events,
    }


def _timed(outgoing: Iterator[OutgoingBlock], rooms: Rooms, request_bytes: list[int]) -> Iterator[OutgoingBlock]:
    """Yield blocks, and note their bytes; what happens to them between two of them is not the collector's."""
    for block in outgoing:
        request_bytes.append(len(block.data))
        with rooms.inside("carrying"):
            yield block


def _time_stages(run: Replay, rooms: Rooms, sent: list[Message]) -> None:
    pipeline: Any = run.pipeline
    for room, stages in (("accounts", pipeline.accounts), ("groups", pipeline.groups), ("cases", [pipeline.cases])):
        for stage in stages:
            for name in ("apply", "apply_feedback", "apply_blocks"):
                if hasattr(stage, name):
                    setattr(stage, name, rooms.of(room, getattr(stage, name)))
    listen = pipeline._on_message

    def on_message(message: Message) -> None:
        if message.topic != topics.REQUESTS:
            sent.append(message)
        with rooms.inside("writing"):
            listen(message)

    pipeline._on_message = on_message


def by_block_size(events_in_a_block: int) -> float:
    """Return the microseconds an event that accounts and groups take, after a warm-up, when blocks hold so many events."""
    counted = min(8_192, max(400, 100 * events_in_a_block))
    later = Sample.draw(counted, seed=2)
    later.columns["time"] += SPAN  # the warm-up is the hour before
    pipeline = Pipeline(4, KEY)
    for partition, _, data in Sample.draw(WARM_UP).blocks(4):
        pipeline.feed(partition, data)
    cut = later.blocks(4, events_in_a_block)
    began = time.process_time()
    for partition, _, data in cut:
        pipeline.feed(partition, data)
    return 1e6 * (time.process_time() - began) / counted


def measure(events: int) -> Figures:
    """Return every figure of one round in this process."""
    collect_garbage_rarely()
    lines = demonstration(EVENTS)[:events]
    return {
        "replay": {str(partitions): replay(lines, partitions) for partitions in PARTITIONS},
        "by_block": {str(size): by_block_size(size) for size in BLOCK_EVENTS},
    }


def in_turn(checkouts: Mapping[str, Path], events: int, rounds: int) -> dict[str, list[Figures]]:
    """Return what each checkout measured in each round, the checkouts in turn, each in a process of its own."""
    found: dict[str, list[Figures]] = {name: [] for name in checkouts}
    for _ in range(rounds):
        for name, checkout in checkouts.items():
            environment = {**os.environ, "PYTHONPATH": f"{checkout}{os.pathsep}{HERE}", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            command = [sys.executable, str(HERE / "replaying.py"), "--child", "--events", str(events)]
            done = subprocess.run(command, env=environment, cwd=checkout, stdout=subprocess.PIPE, check=True)
            found[name].append(json.loads(done.stdout))
    return found


def least(runs: Sequence[Any]) -> Any:
    """Return the least of each figure over the runs."""
    if isinstance(runs[0], Mapping):
        return {name: least([run[name] for run in runs]) for name in runs[0]}
    return min(runs)


def total(replayed: Figures) -> float:
    """Return the microseconds an event of all rooms."""
    return float(sum(replayed["us_an_event"].values()))


def show(console: Console, measured: Figures) -> None:
    """Print the figures of each checkout, and how many times faster this one is."""
    table = Table(title="CPU microseconds an event", title_justify="left")
    for heading in ("", *measured, *(["before / after"] if len(measured) > 1 else [])):
        table.add_column(heading, justify="right")
    for label, values in _rows(measured):
        ratio = [f"{values[0] / values[-1]:.2f}"] if len(values) > 1 and values[-1] else []
        table.add_row(label, *(f"{value:,.1f}" for value in values), *ratio)
    console.print(table)


def _rows(measured: Figures) -> Iterator[tuple[str, list[float]]]:
    runs = list(measured.values())
    for partitions in map(str, PARTITIONS):
        yield f"replay, {partitions} partitions", [total(run["replay"][partitions]) for run in runs]
    for room in ROOMS:
        yield f"of which, with 4: {room}", [run["replay"]["4"]["us_an_event"][room] for run in runs]
    yield "messages for 100 events", [100 * run["replay"]["4"]["messages_an_event"] for run in runs]
    yield "bytes an event, after requests", [run["replay"]["4"]["bytes_an_event"] for run in runs]
    yield "bytes an event in requests", [run["replay"]["4"].get("request_bytes_an_event", 0.0) for run in runs]
    for size in map(str, BLOCK_EVENTS):
        yield f"stages, {size} events in a block", [run["by_block"][size] for run in runs]


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(prog="make bench-replay", description="Measure microseconds an event of a replay.")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(measure(chosen.events)))
        return
    checkouts = {"before": chosen.against.resolve()} if chosen.against else {}
    found = in_turn({**checkouts, "now": HERE.parents[1]}, chosen.events, chosen.rounds)
    measured = {name: least(runs) for name, runs in found.items()}
    few = f"{chosen.events:,} events of {EVENTS:,}" if chosen.events < EVENTS else ""
    written = figures.write("bench-replay", measured, command="make bench-replay", seed=1, partial=few)
    console = Console()
    show(console, measured)
    console.print(f"figures -> {written}")


if __name__ == "__main__":
    main()
