"""The events of `make bench-peers`: the demonstration's lines, prompts and all, each sent with the time of now and an id of its own."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from typing import Final

from collecting import demonstration
from confluent_kafka import Producer

from streams.schema import topics

DRAWN_EVENTS: Final = 20_000
"""Of the demonstration's; then they come again, with new ids."""
TICK_SECONDS: Final = 0.005
FLUSH_SECONDS: Final = 60.0

Line = tuple[int, bytes]
"""Its partition, and what follows its time and its id."""


def lines(events: int = DRAWN_EVENTS, partitions: int = 4) -> list[Line]:
    """Draw the lines. All events of an account are in one partition."""
    drawn = (json.loads(line) for line in demonstration(events))
    return [(topics.partition_of(event["account.id"], partitions), _rest(event)) for event in drawn]


def _rest(event: dict[str, object]) -> bytes:
    kept = {name: value for name, value in event.items() if name not in {"timestamp", "event.id"}}
    return b"," + json.dumps(kept, separators=(",", ":")).encode()[1:]


def dated(rest: bytes, event_id: str, now: float) -> bytes:
    """Return a line of JSON.

    >>> dated(b',"account.id":"a"}', "r-1", 2.5)
    b'{"timestamp":2.500,"event.id":"r-1","account.id":"a"}'
    """
    return f'{{"timestamp":{now:.3f},"event.id":"{event_id}"'.encode() + rest


class Feeder:
    """Sends lines to a topic."""

    def __init__(self, bootstrap: str, drawn: Iterable[Line]) -> None:
        """Begin with the first line."""
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 2, "queue.buffering.max.kbytes": 400_000, "log_level": 2})
        self._lines: Iterator[Line] = itertools.cycle(drawn)
        self._number = itertools.count()

    def at_once(self, topic: str, events: int, run: str) -> None:
        """Send events as fast as the broker takes them, and return when it has them all. Their ids begin with the run's name."""
        self._send(topic, events, run)
        if self._producer.flush(FLUSH_SECONDS):
            raise SystemExit(f"error: the broker did not take the records within {FLUSH_SECONDS:.0f} s")

    def steadily(self, topic: str, rate: float, seconds: float, run: str) -> int:
        """Send for some seconds, evenly, and return how many events that were."""
        began, sent, total = time.monotonic(), 0, round(rate * seconds)
        while sent < total:
            due = min(total, int((time.monotonic() - began) * rate) + 1)
            self._send(topic, due - sent, run)
            sent = due
            time.sleep(TICK_SECONDS)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        return sent

    def _send(self, topic: str, events: int, run: str) -> None:
        for partition, rest in itertools.islice(self._lines, events):
            line = dated(rest, f"{run}-{next(self._number)}", time.time())
            while True:
                try:
                    self._producer.produce(topic, line, partition=partition)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._producer.poll(0)
