"""Partitions that change hands: orderly stops, take-overs, storms of joins and leaves."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from rig import Rig
from trial import Outcome, Trial, assigned, scenario, trial

from streams.schema import topics

STOPS: Final = int(os.environ.get("STOPS", "20"))
MAX_STOP_SECONDS: Final = 10.0
STORM_TURNS: Final = 10
HELD_ACCOUNTS: Final = 100_000
MAX_WITH_DISK_SECONDS: Final = 10.0
MAX_WITHOUT_DISK_SECONDS: Final = 30.0


@scenario
def stopped(directory: Path, seed: int) -> Outcome:
    """A worker is stopped twenty times under load: within ten seconds, in order, and nothing acknowledged is read again."""
    with trial(directory, seed, count=60_000, accounts=5_000, pause=0.05) as here:
        took, codes = [], set()
        for turn in range(STOPS):
            worker = here.workers["one"]
            here.rig.wait_for(lambda: assigned(worker) > turn, what="the worker to have partitions")  # noqa: B023 - waits here
            here.more_taken(200 + here.chance.randrange(200))
            time.sleep(here.chance.random())
            code, seconds = worker.stop()
            codes.add(code)
            took.append(seconds)
            here.work("one")
        worst = max(took)
        here.notes |= {"stops": STOPS, "slowest stop in seconds": round(worst, 1), "exit codes of stops": sorted(codes)}
        here.fault(worst > MAX_STOP_SECONDS, f"a stop took {worst:.1f} s")
        here.fault(codes != {0}, f"stops ended with {sorted(codes)}")
        here.fault(bool(here.workers["one"].said("is read again from there")), "state was behind what was acknowledged")
        here.feeder.hurry()
        return here.finished()


@scenario
def storm(directory: Path, seed: int) -> Outcome:
    """Three workers join, leave and are killed, each a few seconds after the other."""
    with trial(directory, seed, count=15_000, accounts=3_000, workers=("one", "two", "three")) as here:
        for _ in range(STORM_TURNS):
            name = here.chance.choice(list(here.workers))
            time.sleep(here.chance.uniform(0.5, 6.0))
            if here.chance.random() < 0.5:
                here.workers[name].kill()
            else:
                here.workers[name].stop()
            time.sleep(here.chance.uniform(0.0, 3.0))
            here.work(name)
        return here.finished()


@scenario
def taken_over(directory: Path, seed: int) -> Outcome:
    """A worker with 100,000 accounts is killed: it comes back with its disk, then another one without takes over."""
    with (
        Rig(directory) as rig,
        trial(directory, seed, count=HELD_ACCOUNTS, accounts=HELD_ACCOUNTS, pause=0.0, batch=1_000, rig=rig) as here,
    ):
        rig.wait_for(lambda: here.feeder.done, lambda: len(here.feeder.taken), what="all events to be taken")
        rig.settle(topics.ACCOUNTS_AGENT)
        here.workers["one"].kill()
        with_disk = _until_owned(here, "one")
        here.work("two")
        rig.wait_for(lambda: assigned(here.workers["two"]) > 0, what="the second worker to have a partition")
        kept = assigned(here.workers["two"])
        here.workers["one"].stop()
        _until_owned(here, "one")
        pauses = assigned(here.workers["two"]) - kept
        here.workers["one"].kill()
        began, before = time.monotonic(), assigned(here.workers["two"])
        rig.wait_for(lambda: assigned(here.workers["two"]) > before, what="the second worker to have both partitions")
        without = time.monotonic() - began
        here.notes |= {"accounts": HELD_ACCOUNTS, "seconds with disk": round(with_disk, 1), "seconds without": round(without, 1)}
        here.notes["pauses of the other while one restarted"] = pauses
        here.notes["pauses of the other in seconds"] = [round(seconds, 1) for seconds in here.workers["two"].pauses]
        here.fault(with_disk > MAX_WITH_DISK_SECONDS, f"with its disk a worker needed {with_disk:.1f} s")
        here.fault(without > MAX_WITHOUT_DISK_SECONDS, f"without a disk a worker needed {without:.1f} s")
        del here.workers["one"]
        return here.finished()


def _until_owned(here: Trial, name: str) -> float:
    before = assigned(here.workers[name])
    here.work(name)
    return here.rig.wait_for(lambda: assigned(here.workers[name]) > before, what=f"{name} to have partitions")
