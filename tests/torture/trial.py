"""What every scenario starts from (a rig with `collect`, a feeder and workers), and how it ends: all is read, stopped and counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from checker import Account, check
from feeder import Diet, Feeder
from rig import Process, Rig

from streams.schema import topics


@dataclass
class Outcome:
    """What a scenario found."""

    counts: str
    faults: list[str]
    notes: dict[str, object] = field(default_factory=dict)
    not_run: str = ""
    """What this machine lacks for the scenario: it says nothing then, good or bad."""


Scenario = Callable[[Path, int], Outcome]
SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(function: Scenario) -> Scenario:
    """Register a scenario under its name."""
    SCENARIOS[function.__name__] = function
    return function


@dataclass
class Trial:
    """One rig under load, and the faults and notes of its scenario."""

    rig: Rig
    feeder: Feeder
    chance: random.Random
    collects: dict[str, tuple[Process, str]]
    workers: dict[str, Process] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)

    def work(self, *names: str) -> None:
        """Start workers of these names, or start them again."""
        self.workers |= {name: self.rig.worker(name) for name in names}

    def taken(self, count: int) -> None:
        """Wait until collect has taken so many events."""
        wanted, feeder = min(count, len(self.feeder.events)), self.feeder
        self.rig.wait_for(
            lambda: len(feeder.taken) >= wanted or feeder.done, lambda: len(feeder.taken), what=f"{wanted} events to be taken"
        )

    def more_taken(self, count: int) -> None:
        """Wait until collect has taken so many events more."""
        self.taken(len(self.feeder.taken) + count)

    def acknowledged(self, times: int = 1) -> None:
        """Wait until events of every partition that come now have been acknowledged."""
        for _ in range(times):
            before = self.rig.acknowledged(topics.ACCOUNTS_AGENT)
            self.rig.wait_for(partial(self._moved, before), partial(self.rig.acknowledged, topics.ACCOUNTS_AGENT), what="acknowledgements")

    def fault(self, when: bool, what: str) -> None:  # noqa: FBT001 - a condition, then what it means
        """Note a fault when this holds."""
        if when:
            self.faults.append(what)

    def must_live(self, during: str) -> None:
        """Note a fault for each worker that ended by itself."""
        for name, worker in self.workers.items():
            self.fault(worker.code is not None, f"worker {name} ended (exit code {worker.code}) {during}")

    def finished(self, *, doubles_in_topic: bool = False) -> Outcome:
        """Wait until all is read, stop the workers, and count."""
        rig, feeder = self.rig, self.feeder
        rig.wait_for(lambda: feeder.done, lambda: len(feeder.taken), what="all events to be taken")
        rig.settle(topics.ACCOUNTS_AGENT, topics.STORE_AGENT)
        ends = {name: worker.stop() for name, worker in self.workers.items()}
        account: Account = check(rig, feeder, list(self.workers), doubles_in_topic=doubles_in_topic)
        notes: dict[str, object] = {
            "exit codes": [code for code, _ in ends.values()],
            "seconds to stop": [round(seconds, 1) for _, seconds in ends.values()],
            "refusals": feeder.refusals,
        }
        return Outcome(account.line(), [*account.faults, *self.faults], notes | self.notes)

    def _moved(self, before: dict[int, int]) -> bool:
        now = self.rig.acknowledged(topics.ACCOUNTS_AGENT)
        return len(now) == self.rig.partitions and all(offset > before.get(number, 0) for number, offset in now.items())


@contextmanager
def trial(
    directory: Path,
    seed: int,
    *,
    workers: Sequence[str] = ("one",),
    collects: Sequence[str] = ("collect",),
    rig: Rig | None = None,
    settle: bool = False,
    **diet: Any,
) -> Iterator[Trial]:
    """Start a rig, `collect`, workers and a feeder.

    Args:
        directory: Of everything.
        seed: Of the feeder and of the scenario's own chance.
        workers: Names of the workers.
        collects: Names of the `collect` processes; the feeder sends to them in turn.
        rig: A running rig, None for the usual one.
        settle: Whether every worker must have partitions before the first event is sent.
        diet: What the feeder sends.
    """
    with nullcontext(rig) if rig else Rig(directory) as running:
        doors = {name: running.collect(name) for name in collects}
        token = running.settings.intake_token.get_secret_value()
        feeder = Feeder([url for _, url in doors.values()], token, Diet(seed=seed, **diet))
        here = Trial(running, feeder, random.Random(seed), doors)
        here.work(*workers)
        if settle:
            running.wait_for(lambda: all(assigned(worker) for worker in here.workers.values()), what="all workers to have partitions")
        feeder.start()
        yield here


def assigned(worker: Process) -> int:
    """Count how often a worker was given partitions of `accounts`."""
    return sum(worker.said(f"hydrometer-accounts: this worker owns partitions [{number}") for number in (0, 1))
