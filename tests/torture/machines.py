"""What machines do to us: full disks, tables that refuse to change, slow and cut networks, clocks that jump."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from network import Door, Namespace, has_namespaces
from rig import Rig
from trial import Outcome, assigned, scenario, trial

from streams.schema.event import Event

TABLES: Final = ("requests", "usage_minute", "arrivals")
READ_ONLY_SECONDS: Final = 30.0
SLOW_SECONDS: Final = 30.0
CUT_SECONDS: Final = 45.0
"""Longer than the 15 s after which the group takes a worker for dead."""
HOUR: Final = 3600.0
LIBFAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


@scenario
def disk_full(directory: Path, seed: int) -> Outcome:
    """The worker's disk is full: it ends with a line that says so, and acknowledges nothing that it could not keep."""
    with small_disk(directory / "state-one"), trial(directory, seed, count=15_000, accounts=5_000) as here:
        here.acknowledged()
        ballast = directory / "state-one" / "ballast"
        fill(ballast)
        here.rig.wait_for(lambda: here.workers["one"].code is not None, lambda: here.workers["one"].lines, what="the worker to notice")
        code = here.workers["one"].code
        here.notes |= {"exit code": code, "lines that say so": here.workers["one"].said("is full")}
        here.fault(not here.workers["one"].said("is full"), "no line says that the disk is full")
        ballast.unlink()
        here.work("one")
        return here.finished()


@scenario
def clickhouse_read_only(directory: Path, seed: int) -> Outcome:
    """ClickHouse's tables are read-only for half a minute: batches wait, nobody ends, and every row arrives once."""
    with trial(directory, seed, count=4_500, pause=0.1) as here, here.rig.connected() as client:
        here.acknowledged()
        for read_only, seconds in ((1, READ_ONLY_SECONDS), (0, 0.0)):
            for table in TABLES:
                client.execute(f"ALTER TABLE {table} MODIFY SETTING table_readonly = {read_only}")
            time.sleep(seconds)
        here.must_live("while tables were read-only")
        here.feeder.hurry()
        return here.finished()


@scenario
def clickhouse_slow(directory: Path, seed: int) -> Outcome:
    """Each piece of an answer or a batch takes two seconds to and from ClickHouse: workers wait, and count every row once."""
    with (
        Rig(directory) as rig,
        closing(Door(rig.clickhouse.port)) as door,
        trial(directory, seed, count=4_500, pause=0.1, rig=rig, workers=()) as here,
    ):
        rig.options["one"] = {"clickhouse_port": door.port}
        here.work("one")
        here.acknowledged()
        door.delay = 2.0
        time.sleep(SLOW_SECONDS)
        door.delay = 0.0
        here.must_live("while ClickHouse was slow")
        here.feeder.hurry()
        return here.finished()


@scenario
def network_cut(directory: Path, seed: int) -> Outcome:
    """A worker's network is cut, in a namespace: another takes over, and the first goes on when the cable is back."""
    if not has_namespaces():
        return Outcome("", [], not_run="network namespaces need root and iproute2")
    with Namespace() as space, Rig(directory, host=space.host) as rig, closing(Door(rig.clickhouse.port, space.host)) as door:
        rig.options["one"] = {"clickhouse_host": space.host, "clickhouse_port": door.port}
        rig.commands["one"] = space.command()
        with trial(directory, seed, count=12_000, accounts=4_000, workers=("one", "two"), rig=rig, settle=True) as here:
            here.more_taken(1_000)
            before = assigned(here.workers["two"])
            space.cut()
            took = rig.wait_for(lambda: assigned(here.workers["two"]) > before, what="the other to take over")
            time.sleep(CUT_SECONDS)
            space.heal()
            here.notes["seconds to take over"] = round(took, 1)
            here.must_live("because its network was cut")
            outcome = here.finished()
            door.close()
            return outcome


@scenario
def clock_jump(directory: Path, seed: int) -> Outcome:
    """The clocks of worker and `collect` jump by most of an hour, ahead and back, and one client in 200 is 20 hours ahead for all time."""
    if not LIBFAKETIME.exists():
        return Outcome("", [], not_run="it needs libfaketime (Debian: apt-get install libfaketime)")
    clock = directory / "clock"
    with Rig(directory) as rig:
        for name in ("one", "collect"):
            rig.environments[name] = {
                "LD_PRELOAD": str(LIBFAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        clock.write_text("+0")
        with trial(directory, seed, count=6_000, rig=rig, change=ahead) as here:
            for jump in ("+3000", "-3000", "+0"):  # of who is over an hour ahead Kafka takes no record
                here.more_taken(1_000 + here.chance.randrange(300))
                here.acknowledged()
                clock.write_text(jump)
            here.must_live("because its clock jumped")
            outcome = here.finished()
            with rig.connected() as client:
                [[latest]] = client.execute("SELECT max(toUnixTimestamp64Milli(time)) / 1000 FROM requests")
            ahead_hours = (latest - time.time()) / HOUR
            outcome.notes["newest event, hours ahead"] = round(ahead_hours, 2)
            if ahead_hours > 1:
                outcome.faults.append(f"an event counts {ahead_hours:.1f} hours ahead")
            return outcome


def ahead(event: Event) -> Event:
    """Set the clock of one event in 200 to 20 hours ahead."""
    return event | {"timestamp": event["timestamp"] + 20 * HOUR} if int(event["event.id"][1:]) % 200 == 0 else event


@contextmanager
def small_disk(folder: Path, megabytes: int = 200) -> Iterator[None]:
    """Mount a disk of so many MB on a folder (Linux, root)."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Write a file until the disk is full."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            return
