"""What is done to the processes: each scenario is seeded, and counts every event at its end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

from checker import damage_changelog, damage_disk
from rig import Rig
from trial import Outcome, assigned, scenario, trial

from streams.schema import topics

HANG_SECONDS: Final = 150.0
"""Longer than the 120 s without progress after which a worker gives up."""
AWAY_SECONDS: Final = 150.0
"""Longer than the 60 s in which a record was once given up, and than a worker may be without progress."""
MAX_AWAY_LINES: Final = 600
"""Lines that a worker may log while Kafka is away for so long: it was 25,000 in 85 s."""
MAX_AWAY_MEMORY_MB: Final = 20.0


@scenario
def killed(directory: Path, seed: int) -> Outcome:
    """Workers are killed under load, three times, at random moments."""
    with trial(directory, seed, count=6_000, workers=("one", "two")) as here:
        for turn in range(3):
            here.taken((turn + 1) * 1_300 + here.chance.randrange(300))
            name = here.chance.choice(list(here.workers))
            here.workers[name].kill()
            here.work(name)
        return here.finished()


@scenario
def frozen(directory: Path, seed: int) -> Outcome:
    """Each worker freezes once, with state not written yet, until the other has acknowledged events of its partition; then it wakes."""
    with (
        Rig(directory, checkpoint=6.0) as rig,
        trial(directory, seed, count=15_000, accounts=5_000, workers=("one", "two"), rig=rig, settle=True) as here,
    ):
        workers = here.workers
        for name, other in (("one", "two"), ("two", "one")):
            here.more_taken(1_500 + here.chance.randrange(800))
            taken_over, back = assigned(workers[other]), assigned(workers[name])
            workers[name].freeze()
            rig.wait_for(lambda: assigned(workers[other]) > taken_over, what=f"{other} to take over")  # noqa: B023 - waits here
            here.acknowledged(2)
            workers[name].wake()
            rig.wait_for(lambda: assigned(workers[name]) > back or workers[name].code is not None, what=f"{name} to come back")  # noqa: B023
            if workers[name].code is not None:
                here.work(name)
        return here.finished()


@scenario
def sent_again(directory: Path, seed: int) -> Outcome:
    """A gateway sends every tenth batch again at another `collect`, as after a lost answer; one `collect` is killed and starts again."""
    with trial(directory, seed, count=6_000, collects=("first", "second"), repeat_every=10) as here:
        here.taken(2_000 + here.chance.randrange(1_000))
        first, url = here.collects["first"]
        first.kill()
        here.rig.collect("first", int(url.rpartition(":")[2]))
        here.taken(4_000)
        here.workers["one"].kill()
        here.work("one")
        return here.finished(doubles_in_topic=True)


@scenario
def broker_frozen(directory: Path, seed: int) -> Outcome:
    """The broker freezes for longer than a delivery may take: `collect` refuses batches in flight, and they arrive all the same."""
    with trial(directory, seed, count=4_000, pause=0.0) as here:
        for turn in range(2):
            here.taken((turn + 1) * 1_200 + here.chance.randrange(300))
            refusals = here.feeder.refusals
            here.rig.freeze_broker()
            here.rig.wait_for(lambda: here.feeder.refusals > refusals, what="collect to refuse")  # noqa: B023 - waits here
            here.rig.wake_broker()
        here.must_live("while the broker was frozen")
        return here.finished(doubles_in_topic=True)


@scenario
def clickhouse_hung(directory: Path, seed: int) -> Outcome:
    """ClickHouse hangs (SIGSTOP) for longer than a stalled worker is given; nobody ends, and every row arrives afterwards."""
    with trial(directory, seed, count=4_500, pause=0.5) as here:
        here.rig.wait_for(lambda: here.rig.lag(topics.STORE_AGENT) >= 0, what="the store to write")
        os.kill(here.rig.clickhouse.pid, signal.SIGSTOP)
        time.sleep(HANG_SECONDS)
        os.kill(here.rig.clickhouse.pid, signal.SIGCONT)
        here.must_live("while ClickHouse hung")
        here.feeder.hurry()
        return here.finished()


@scenario
def kafka_away(directory: Path, seed: int) -> Outcome:
    """The broker is away for longer than any time-out, with messages in flight; workers wait, with bounded log and memory, and go on."""
    with trial(directory, seed, count=4_500, pause=0.15) as here:
        rig, worker = here.rig, here.workers["one"]
        here.acknowledged()
        here.more_taken(100)
        lines, memory = worker.lines, worker.memory
        rig.kafka.stop()
        time.sleep(AWAY_SECONDS)
        lines, memory = worker.lines - lines, worker.memory - memory
        rig.kafka.__enter__()
        here.feeder.hurry()
        here.notes |= {"log lines while Kafka was away": lines, "MB more": round(memory, 1)}
        here.fault(lines > MAX_AWAY_LINES, f"the worker logged {lines} lines while Kafka was away")
        here.fault(memory > MAX_AWAY_MEMORY_MB, f"the worker took {memory:.0f} MB more while Kafka was away")
        rig.wait_for(lambda: here.feeder.done, lambda: len(here.feeder.taken), what="all events to be taken")
        here.must_live("because Kafka was away")
        return here.finished(doubles_in_topic=True)


@scenario
def damaged(directory: Path, seed: int) -> Outcome:
    """A chunk is damaged on disk, another in the changelog, while the worker is away: both are rebuilt."""
    with trial(directory, seed, count=4_500) as here:
        here.taken(2_000 + here.chance.randrange(1_000))
        here.acknowledged()
        here.workers["one"].stop()
        damage_disk(here.rig, "one", partition=0)
        damage_changelog(here.rig, partition=1)
        here.work("one")
        return here.finished()
