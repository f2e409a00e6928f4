"""What is done to the processes, one function a kind of torture. Each returns the account of every event."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from checker import Account, check, damage_changelog, damage_disk
from feeder import Feeder
from rig import Process, Rig

from streams.schema import topics


@dataclass
class Outcome:
    """What a scenario found."""

    account: Account
    notes: dict[str, object] = field(default_factory=dict)


HANG_SECONDS: Final = 150.0
"""Longer than the 120 s without progress after which a worker gives up."""
AWAY_SECONDS: Final = 60.0

Scenario = Callable[[Path, int], Outcome]
SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(function: Scenario) -> Scenario:
    """Register a scenario under its name."""
    SCENARIOS[function.__name__] = function
    return function


@scenario
def killed(directory: Path, seed: int) -> Outcome:
    """Workers are killed under load, three times, at random moments."""
    with Rig(directory) as rig:
        _, url = rig.collect()
        feeder = Feeder([url], rig.settings.intake_token.get_secret_value(), count=6_000, seed=seed)
        chance = random.Random(seed)
        workers = {name: rig.worker(name) for name in ("one", "two")}
        feeder.start()
        for turn in range(3):
            _taken(rig, feeder, (turn + 1) * 1_300 + chance.randrange(300))
            name = chance.choice(list(workers))
            workers[name].kill()
            workers[name] = rig.worker(name)
        return _finished(rig, feeder, workers)


@scenario
def frozen(directory: Path, seed: int) -> Outcome:
    """Each worker freezes once, with state not written yet, until the other has acknowledged events of its partition; then it wakes."""
    with Rig(directory, checkpoint=6.0) as rig:
        _, url = rig.collect()
        feeder = Feeder([url], rig.settings.intake_token.get_secret_value(), count=15_000, seed=seed, accounts=5_000)
        workers = {name: rig.worker(name) for name in ("one", "two")}
        rig.wait_for(lambda: all(_assigned(worker) for worker in workers.values()), what="both workers to have partitions")
        feeder.start()
        chance = random.Random(seed)
        for name, other in (("one", "two"), ("two", "one")):
            _taken(rig, feeder, len(feeder.taken) + 1_500 + chance.randrange(800))
            taken_over, back = _assigned(workers[other]), _assigned(workers[name])
            workers[name].freeze()
            rig.wait_for(lambda: _assigned(workers[other]) > taken_over, what=f"{other} to take over")  # noqa: B023 - waits here
            _acknowledged(rig)
            workers[name].wake()
            rig.wait_for(lambda: _assigned(workers[name]) > back or workers[name].code is not None, what=f"{name} to come back")  # noqa: B023
            if workers[name].code is not None:
                workers[name] = rig.worker(name)
        return _finished(rig, feeder, workers)


@scenario
def sent_again(directory: Path, seed: int) -> Outcome:
    """A gateway sends every tenth batch again at another `collect`, as after a lost answer; one `collect` is killed and starts again."""
    with Rig(directory) as rig:
        first, second = rig.collect("first"), rig.collect("second")
        token = rig.settings.intake_token.get_secret_value()
        feeder = Feeder([first[1], second[1]], token, count=6_000, seed=seed, repeat_every=10)
        workers = {"one": rig.worker("one")}
        feeder.start()
        _taken(rig, feeder, 2_000 + random.Random(seed).randrange(1_000))
        first[0].kill()
        rig.collect("first", int(first[1].rpartition(":")[2]))
        _taken(rig, feeder, 4_000)
        workers["one"].kill()
        workers["one"] = rig.worker("one")
        return _finished(rig, feeder, workers, doubles_in_topic=True)


@scenario
def broker_frozen(directory: Path, seed: int) -> Outcome:
    """The broker freezes for longer than a delivery may take: `collect` refuses batches in flight, and they arrive all the same."""
    with Rig(directory) as rig:
        _, url = rig.collect()
        feeder = Feeder([url], rig.settings.intake_token.get_secret_value(), count=4_000, seed=seed, pause=0.0)
        workers = {"one": rig.worker("one")}
        feeder.start()
        chance = random.Random(seed)
        for turn in range(2):
            _taken(rig, feeder, (turn + 1) * 1_200 + chance.randrange(300))
            refusals = feeder.refusals
            rig.freeze_broker()
            rig.wait_for(lambda: feeder.refusals > refusals, what="collect to refuse")  # noqa: B023 - waits here
            rig.wake_broker()
            if workers["one"].code is not None:
                workers["one"] = rig.worker("one")
        return _finished(rig, feeder, workers, doubles_in_topic=True)


@scenario
def clickhouse_hung(directory: Path, seed: int) -> Outcome:
    """ClickHouse hangs (SIGSTOP) for longer than a stalled worker is given; nobody ends, and every row arrives afterwards."""
    with Rig(directory) as rig:
        _, url = rig.collect()
        feeder = Feeder([url], rig.settings.intake_token.get_secret_value(), count=4_500, seed=seed, pause=0.5)
        workers = {"one": rig.worker("one")}
        feeder.start()
        rig.wait_for(lambda: rig.lag(topics.STORE_AGENT) >= 0, what="the store to write")
        os.kill(rig.clickhouse.pid, signal.SIGSTOP)
        time.sleep(HANG_SECONDS)
        os.kill(rig.clickhouse.pid, signal.SIGCONT)
        ended = workers["one"].code is not None
        feeder.hurry()
        outcome = _finished(rig, feeder, workers)
        if ended:
            outcome.account.faults.append("the worker ended while ClickHouse hung")
        return outcome


@scenario
def kafka_away(directory: Path, seed: int) -> Outcome:
    """The broker is stopped and comes back; workers wait with a bounded log, or are started again by their supervisor."""
    with Rig(directory) as rig:
        _, url = rig.collect()
        feeder = Feeder([url], rig.settings.intake_token.get_secret_value(), count=4_500, seed=seed, pause=0.3)
        workers = {"one": rig.worker("one")}
        feeder.start()
        rig.wait_for(lambda: len(rig.acknowledged(topics.ACCOUNTS_AGENT)) == rig.partitions, what="acknowledgements")
        before = workers["one"].lines
        rig.kafka.stop()
        time.sleep(AWAY_SECONDS)
        lines = workers["one"].lines - before
        rig.kafka.__enter__()
        feeder.hurry()
        rig.wait_for(lambda: feeder.done, lambda: len(feeder.taken), what="all events to be taken")
        ended = workers["one"].code
        if ended is not None:
            workers["one"] = rig.worker("one")
        outcome = _finished(rig, feeder, workers, doubles_in_topic=True)
        outcome.notes |= {"log lines while Kafka was away": lines, "worker ended": ended}
        return outcome


@scenario
def damaged(directory: Path, seed: int) -> Outcome:
    """A chunk is damaged on disk, another in the changelog, while the worker is away: both are rebuilt."""
    with Rig(directory) as rig:
        _, url = rig.collect()
        feeder = Feeder([url], rig.settings.intake_token.get_secret_value(), count=4_500, seed=seed)
        workers = {"one": rig.worker("one")}
        feeder.start()
        _taken(rig, feeder, 2_000 + random.Random(seed).randrange(1_000))
        rig.wait_for(lambda: len(rig.acknowledged(topics.ACCOUNTS_AGENT)) == rig.partitions, what="acknowledgements")
        workers["one"].stop()
        damage_disk(rig, "one", partition=0)
        damage_changelog(rig, partition=1)
        workers["one"] = rig.worker("one")
        return _finished(rig, feeder, workers)


def _finished(rig: Rig, feeder: Feeder, workers: dict[str, Process], *, doubles_in_topic: bool = False) -> Outcome:
    """Wait until all is read, stop the workers, and count."""
    rig.wait_for(lambda: feeder.done, lambda: len(feeder.taken), what="all events to be taken")
    rig.settle(topics.ACCOUNTS_AGENT, topics.STORE_AGENT)
    ends = {name: worker.stop() for name, worker in workers.items()}
    account = check(rig, feeder, list(workers), doubles_in_topic=doubles_in_topic)
    notes: dict[str, object] = {
        "exit codes": [code for code, _ in ends.values()],
        "seconds to stop": [round(seconds, 1) for _, seconds in ends.values()],
        "refusals": feeder.refusals,
    }
    return Outcome(account, notes)


def _taken(rig: Rig, feeder: Feeder, count: int) -> None:
    """Wait until collect has taken so many events."""
    wanted = min(count, len(feeder.events))
    rig.wait_for(lambda: len(feeder.taken) >= wanted or feeder.done, lambda: len(feeder.taken), what=f"{wanted} events to be taken")


def _acknowledged(rig: Rig) -> None:
    """Wait until events of every partition that come now have been acknowledged."""
    for _ in range(2):
        before = rig.acknowledged(topics.ACCOUNTS_AGENT)
        rig.wait_for(partial(_moved, rig, before), partial(rig.acknowledged, topics.ACCOUNTS_AGENT), what="acknowledgements")


def _moved(rig: Rig, before: dict[int, int]) -> bool:
    now = rig.acknowledged(topics.ACCOUNTS_AGENT)
    return len(now) == rig.partitions and all(offset > before.get(number, 0) for number, offset in now.items())


def _assigned(worker: Process) -> int:
    """Count how often a worker was given partitions of `accounts`."""
    return sum(worker.said(f"hydrometer-accounts: this worker owns partitions [{number}") for number in (0, 1))
