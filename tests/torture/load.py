"""Load: JSON over HTTP at a steady rate, then far more than can be taken.

`LOAD_SECONDS` (120) and `LOAD_RATE` (5,000 events a second) say for how long and how fast. From half an hour on, growth of memory is a
fault.
"""

from __future__ import annotations

import http.client
import itertools
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import orjson
from checker import check_totals
from rig import Process, Rig, cpu_seconds
from trial import Outcome, assigned, scenario

from streams.schema import topics

BATCH: Final = 250
"""Events of a request."""
GATEWAYS: Final = 4
ACCOUNTS: Final = 3_000
OVERLOAD_GATEWAYS: Final = 160
OVERLOAD_SECONDS: Final = 20.0
SAMPLE_SECONDS: Final = 5.0
MAX_LAG_RISE_RECORDS: Final = 200
"""By which the lag of the last quarter may be over that of the first one."""
MIN_GROWTH_SECONDS: Final = 1_800.0
"""Growth in a shorter run is noted, and no fault: a process grows until its caches are full."""
MAX_GROWTH_PERCENT: Final = 1.0
CHECKPOINT_SECONDS: Final = 30.0
FILLING_CHECKPOINT_SECONDS: Final = 3.0
"""Where growth counts: RocksDB fills up to 8 MB a partition before it writes a file; with the usual pause that takes two hours."""
SETTLED: Final = (topics.ACCOUNTS_AGENT, topics.STORE_AGENT)
"""The agents that must come to the end of their input: whose counts are compared."""
AGENTS: Final = (topics.ACCOUNTS_AGENT, topics.GROUPS_AGENT, topics.CASES_AGENT, topics.STORE_AGENT)


@dataclass
class Traffic:
    """What gateways sent, and what they were answered."""

    url: str
    token: str
    accepted: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """Of each request that was taken."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, gateways: int, seconds: float, rate: float) -> None:
        """Send with so many gateways for so many seconds, `rate` events a second in all (0: as fast as they can); return when all ended."""
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._send, args=(end, rate / gateways)) for _ in range(gateways)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, end: float, rate: float) -> None:
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"}
        due = time.monotonic()
        while time.monotonic() < end:
            body = self._body()
            while True:  # without an answer the same is sent again
                began, status, wait = time.monotonic(), 0, 0.5
                try:
                    connection.request("POST", "/v1/events", body, headers)
                    answer = connection.getresponse()
                    answer.read()
                    status, wait = answer.status, float(answer.headers.get("Retry-After", 0.5))
                except (OSError, http.client.HTTPException):
                    connection.close()
                with self._lock:
                    self.answers[status] += 1
                    if status // 100 == 2:
                        self.accepted += BATCH
                        self.seconds.append(time.monotonic() - began)
                if status // 100 == 2 or (status and not rate):
                    break
                time.sleep(wait if rate else 0.1)
            if rate:
                due += BATCH / rate
                time.sleep(max(0.0, due - time.monotonic()))
        connection.close()

    def _body(self) -> bytes:
        with self._lock:
            numbers = list(itertools.islice(self._numbers, BATCH))
        now = time.time()
        return b"\n".join(
            orjson.dumps(
                {
                    "event.id": f"e{number}",
                    "account.id": f"a{number * 7919 % ACCOUNTS}",
                    "timestamp": now,
                    "gen_ai.usage.output_tokens": 100 + number % 400,
                    "gen_ai.usage.input_tokens": 50 + number % 900,
                    "gen_ai.request.model": "m",
                    "client.address": f"198.51.{number % 50}.{number % 200}",
                    "prompt": f"Explain in two sentences why {number % 977} differs from {number % 991}, then name an example.",
                }
            )
            for number in numbers
        )


@dataclass
class Samples:
    """Lag and memory over time."""

    times: list[float] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)
    memory: dict[str, list[float]] = field(default_factory=dict)

    def growth(self, name: str) -> float:
        """Return by how many per cent an hour the most that a process ever had grew over the second half.

        What it gives back and takes again is no growth: a line through the same values rises or falls by several per cent an hour.
        """
        values, half = self.memory[name], len(self.times) // 2
        if not half:
            return 0.0
        before, hours = max(values[:half]), (self.times[-1] - self.times[half - 1]) / 3600
        return (max(values) - before) / before / hours * 100

    def tenths(self, name: str) -> list[int]:
        """Return the memory of a process, in MB, at the end of each tenth of the run."""
        values = self.memory[name]
        return [round(values[len(values) * tenth // 10 - 1]) for tenth in range(1, 11)] if len(values) >= 10 else []

    def quarters(self) -> tuple[float, float]:
        """Return the mean lag of the first and of the last quarter, in records; 0 without any."""
        if not self.lags:
            return 0.0, 0.0
        quarter = max(1, len(self.lags) // 4)
        return float(np.mean(self.lags[:quarter])), float(np.mean(self.lags[-quarter:]))


@scenario
def load(directory: Path, seed: int) -> Outcome:  # noqa: ARG001 - its numbers are counted, not drawn
    """JSON over HTTP at a steady rate: lag and memory stay flat; then as fast as 160 gateways can, which are told to wait."""
    seconds, rate = float(os.environ.get("LOAD_SECONDS", "120")), float(os.environ.get("LOAD_RATE", "5000"))
    checkpoint = FILLING_CHECKPOINT_SECONDS if seconds >= MIN_GROWTH_SECONDS else CHECKPOINT_SECONDS
    with Rig(directory, partitions=4, checkpoint=checkpoint) as rig:
        collect, url = rig.collect()
        worker = rig.worker("one", *AGENTS)
        rig.wait_for(lambda: assigned(worker) > 0, what="the worker to have partitions")
        traffic = Traffic(url, rig.settings.intake_token.get_secret_value())
        pids = {"collect": collect.pid, "worker": worker.pid, **rig.pids()}
        spent = {name: cpu_seconds(pid) for name, pid in pids.items()}
        stored = rig.disk_bytes()
        with sampling({"collect": collect, "worker": worker}) as samples:
            traffic.run(GATEWAYS, seconds, rate)
        spent = {name: round((cpu_seconds(pid) - spent[name]) / max(traffic.accepted, 1) * 1e6) for name, pid in pids.items()}
        steady, slow = traffic.accepted, float(np.quantile(traffic.seconds, 0.99))
        first, last = samples.quarters()
        growth = {name: round(samples.growth(name), 1) for name in samples.memory}
        before = traffic.answers.copy()
        traffic.run(OVERLOAD_GATEWAYS, OVERLOAD_SECONDS, 0.0)
        overload = traffic.answers - before
        for agent in SETTLED:
            rig.wait_for(lambda: rig.waiting(agent) == 0, lambda: rig.waiting(agent), what=f"{agent} to catch up")  # noqa: B023
        recovered = traffic.accepted
        traffic.run(1, 2.0, 500.0)
        for agent in SETTLED:
            rig.wait_for(lambda: rig.waiting(agent) == 0, lambda: rig.waiting(agent), what=f"{agent} to catch up")  # noqa: B023
        stored = {name: round((now - stored[name]) / traffic.accepted) for name, now in rig.disk_bytes().items()}
        faults = []
        if worker.code is not None or collect.code is not None:
            faults.append("a process ended under load")
        code, took = worker.stop()
        counts, missing = check_totals(rig, traffic.accepted, ["one"])
        faults += missing
        if steady < 0.98 * rate * seconds:
            faults.append(f"taken were {steady / seconds:,.0f} events a second of {rate:,.0f}")
        if not samples.lags:
            faults.append("no line of the worker says how far it is")
        if last > first + MAX_LAG_RISE_RECORDS:
            faults.append(f"the lag rose from {first:.0f} to {last:.0f} records")
        if seconds >= MIN_GROWTH_SECONDS and max(growth.values()) > MAX_GROWTH_PERCENT:
            faults.append(f"memory grows by {max(growth.values()):.1f} % an hour")
        if set(overload) - {200, 202, 429, 503}:
            faults.append(f"under overload it answered {dict(overload)}")
        if traffic.accepted <= recovered:
            faults.append("after the overload nothing was taken")
        notes: dict[str, object] = {
            "seconds": seconds,
            "events a second": round(steady / seconds),
            "p99 of an answer in seconds": round(slow, 2),
            "records that wait, first and last quarter": [round(first), round(last)],
            "most that waited": max(samples.lags, default=0),
            "MB by tenths of the time": {name: samples.tenths(name) for name in samples.memory},
            "per cent an hour": growth,
            "CPU microseconds an event": spent,
            "bytes on disk an event, of all that was sent": stored,
            "answers under overload": dict(overload),
            "stop": [code, round(took, 1)],
        }
        return Outcome(counts, faults, notes)


@contextmanager
def sampling(processes: dict[str, Process]) -> Iterator[Samples]:
    """Look at memory every few seconds while the context lasts, and then at what the worker said of its lag."""
    samples, done, began = Samples(memory={name: [] for name in processes}), threading.Event(), time.monotonic()
    seen = processes["worker"].lines

    def look() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.times.append(time.monotonic() - began)
            for name, process in processes.items():
                samples.memory[name].append(process.memory)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
        samples.lags = records_waiting(processes["worker"].log.read_text(errors="replace").splitlines()[seen:])


def records_waiting(lines: Iterable[str]) -> list[int]:
    """Return how many records waited for all agents of a worker, in each line of its log that says so.

    What a worker has not read is its lag; what it has not acknowledged is mostly what its next checkpoint will contain.

    >>> records_waiting(["progress: accounts: 4 partitions, 3 records wait; store: 8 partitions, 2 records wait", "anything else"])
    [5]
    >>> records_waiting(["progress: accounts: unknown, its consumer does not answer or rebalances; store: 8 partitions, 2 records wait"])
    []
    """
    progress = [line for line in lines if "progress: " in line and "unknown" not in line]
    return [sum(map(int, re.findall(r"(\d+) records wait", line))) for line in progress]
