"""A gateway that never gives up: it sends each batch of events until `collect` takes it, and remembers what was taken."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from streams.schema.event import Event

TOKEN_BITS = 15
"""An account sends at most this many events, each with another power of two of output tokens: a sum says which of them were counted."""


@dataclass(frozen=True, kw_only=True)
class Diet:
    """What a feeder sends."""

    count: int
    """Events."""
    seed: int
    accounts: int = 0
    """0: as few as can be told apart."""
    pause: float = 0.02
    """Seconds between batches."""
    batch: int = 20
    """Events of a request."""
    repeat_every: int = 0
    """Of this many batches one is sent again, to the next server."""
    change: Callable[[Event], Event] = lambda event: event
    """Changes each event as it is sent."""


class Feeder:
    """Sends events, a batch after the other, in a thread of its own."""

    def __init__(self, urls: Sequence[str], token: str, diet: Diet) -> None:
        """Send to the servers in turn."""
        self._urls, self._token, self._diet, self._pause = list(urls), token, diet, diet.pause
        self._chance = random.Random(diet.seed)
        accounts = diet.accounts or max(1, -(-diet.count // TOKEN_BITS))
        self.events = [self._event(number, accounts) for number in range(diet.count)]
        self.taken: set[str] = set()
        self.refusals = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def hurry(self) -> None:
        """Send without pauses from here on."""
        self._pause = 0.0

    @property
    def done(self) -> bool:
        """Tell whether everything was taken. Raises what went wrong in the thread."""
        if self._error is not None:
            raise self._error
        return len(self.taken) == len(self.events)

    def send(self, url: str, events: Sequence[Event], seconds: float = 30.0) -> int:
        """Send one batch once, and return the status (0: no answer)."""
        body = b"\n".join(json.dumps(event).encode() for event in events)
        request = urllib.request.Request(f"{url}/v1/events", body, {"Authorization": f"Bearer {self._token}"})
        request.add_header("Content-Type", "application/x-ndjson")
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def _event(self, number: int, accounts: int) -> Event:
        account, turn = number % accounts, number // accounts
        return {
            "event.id": f"e{number}",
            "account.id": f"a{account}",
            "gen_ai.usage.output_tokens": 1 << turn % TOKEN_BITS,
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.request.model": "m",
            "prompt": f"question {self._chance.randrange(1_000_000)}",
        }

    def _run(self) -> None:
        try:
            for number, batch in enumerate(self._batches()):
                self._insist(number, batch)
                if self._diet.repeat_every and number % self._diet.repeat_every == 0:
                    self._insist(number + 1, batch)
                self.taken.update(event["event.id"] for event in batch)
                time.sleep(self._pause)
        except BaseException as error:  # noqa: BLE001 - whoever asks whether it is done must hear of it
            self._error = error

    def _insist(self, number: int, batch: Sequence[Event]) -> None:
        while self.send(self._urls[number % len(self._urls)], batch) // 100 != 2:
            self.refusals += 1
            time.sleep(0.3)

    def _batches(self) -> Iterator[list[Event]]:
        for start in range(0, len(self.events), self._diet.batch):
            yield [self._diet.change(event | {"timestamp": time.time()}) for event in self.events[start : start + self._diet.batch]]
