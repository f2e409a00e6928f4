"""`make bench-scale`: CPU microseconds an event of accounts by accounts known and by features; milliseconds of a group's tick, and
bytes and milliseconds of a case's version, by members.

No broker. Each figure is the least of several repetitions: what a machine does beside it only ever adds. Each has a process of its own, so
that its memory is its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.markdown import Markdown
from sample import SPAN, START, Sample

from models.durations import HOUR
from models.evidence.families import FAMILIES
from streams.features.registry import features
from streams.intake.collector import collect_garbage_rarely
from streams.schema import layouts, topics
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups
from streams.testing import figures, speed_tables
from streams.testing.block_rows import Row, columns_of
from streams.testing.case_desk import ROUTER, CaseDesk, encoded, evidence_row, hydra
from streams.testing.figures import Figures

HERE: Final = Path(__file__).resolve().parent
KEY: Final = b"a key of the benchmark, 32 bytes"
ACCOUNTS: Final = (1_000, 10_000, 100_000, 1_000_000)
MEMBERS: Final = (100, 1_000, 10_000, 60_000)
"""A group counts at most 65,536 (`streams.stages.groups.state.MAX_GROUP_MEMBERS`)."""
MAX_CASE_MEMBERS: Final = 10_000
"""A version of a case lists no more (`streams.cases.case_file.MAX_LISTED_MEMBERS`)."""
SHARES: Final = (0.25, 0.5, 1.0)
"""Of the features of accounts, alphabetically: every fourth, every other, all."""
PARTITIONS: Final = 4
"""Of which none has more than 262,144 accounts in memory."""
BLOCK_EVENTS: Final = 1_024
COUNTED_EVENTS: Final = 8_192
DRAWN_AT_ONCE: Final = 50_000
ROWS_OF_A_TICK: Final = 64
REPETITIONS: Final = 5


def filled(accounts: int) -> list[Accounts]:
    """Return a stage a partition that have seen one event of each of so many accounts, within an hour."""
    stages = [Accounts(number, PARTITIONS, KEY) for number in range(PARTITIONS)]
    offset = 0
    for first in range(0, accounts, DRAWN_AT_ONCE):
        count = min(DRAWN_AT_ONCE, accounts - first)
        sample = Sample.draw(count, seed=first + 1, light=True)
        sample = sample.numbered_from(first)
        sample.columns["time"] = START + SPAN * (first + np.arange(count)) / accounts
        for partition, _, data in sample.blocks(PARTITIONS):
            stages[partition].apply(data, offset)
            offset += 1
    return stages


def by_accounts(accounts: int) -> Figures:
    """Return what an event of known accounts costs when there are so many, and the memory that all of them take."""
    before = resident_bytes()
    stages = filled(accounts)
    gc.collect()
    grown = resident_bytes() - before
    known = sum(stage.counters()["entities"] for stage in stages)
    if known != accounts:
        raise SystemExit(f"error: of {accounts:,} accounts {known:,.0f} are in the state")
    return {
        "us_an_event": later_events(stages, accounts),
        "state_bytes_an_account": stages[0].counters()["state_bytes_per_entity"],
        "resident_mb": grown / 1e6,
    }


def later_events(stages: Sequence[Accounts], accounts: int) -> float:
    """Return microseconds an event of blocks from random ones of the accounts, in the hours after they were filled."""
    taken = []
    for hour in range(1, REPETITIONS + 1):
        later = Sample.draw(COUNTED_EVENTS, accounts=accounts, seed=hour)
        later.columns["time"] += hour * SPAN
        cut = later.blocks(PARTITIONS, BLOCK_EVENTS)
        began = time.process_time()
        for place, (partition, _, data) in enumerate(cut):
            stages[partition].apply(data, 1_000_000 * hour + place)
        taken.append(time.process_time() - began)
    return 1e6 * min(taken) / COUNTED_EVENTS


def by_features(share: float, accounts: int = 1_000) -> Figures:
    """Return what an event costs with a share of the features, and how many these are."""
    chosen = features("account")[:: round(1 / share)]
    with patch("streams.stages.accounts.stage.features", lambda _entity: chosen):
        return {"features": len(chosen), "us_an_event": later_events(filled(accounts), accounts)}


def by_members(members: int) -> Figures:
    """Return the milliseconds in which a group of so many accounts counts a block of 64 rows and is scored."""
    groups, names = Groups(0, 1, KEY), [f"account-{number}" for number in range(members)]
    offset = 0
    for first in range(0, members, 4_096):
        groups.apply(rows_of(names[first : first + 4_096], START, offset), offset)
        offset += 1
    chosen, taken = np.random.default_rng(1), []
    for hour in range(1, REPETITIONS + 1):
        some = [names[number] for number in chosen.integers(0, members, ROWS_OF_A_TICK)]
        block = rows_of(some, START + hour * SPAN, offset)
        groups.table["tick_requests"][:] = 0.0  # it is due whatever it has grown by
        groups.table["tick_time"][:] = -np.inf
        before = groups.counters()["group_ticks"]
        began = time.process_time()
        groups.apply(block, offset)
        taken.append(time.process_time() - began)
        offset += 1
        if groups.counters()["group_ticks"] == before:
            raise SystemExit(f"error: a group of {members:,} was not scored")
    return {"ms_a_tick": 1e3 * min(taken)}


def by_case(members: int) -> Figures:
    """Return bytes and milliseconds of a version of a case of so many members, of which five changed, and its bytes written whole."""
    desk, names = CaseDesk(), [f"account-{number}" for number in range(members)]
    desk.apply(*(row | {"extraction": 60.0} for row in hydra(ROUTER, names, 0.0, 1)))
    taken, sizes = [], [max(len(message.value) for message in desk.sent)]
    for number in range(1, REPETITIONS + 3):  # the first is whole: a question became an alert
        at = HOUR * number + number
        group = evidence_row("router", ROUTER, at=at, extraction=60.0, accounts=float(members), router=int(ROUTER, 16))
        news = [group | {"account_id": name, "requests": 10.0 * number, "extraction": 60.0 + 2.0 * number} for name in names[:5]]
        block = encoded([group, *news])
        began = time.process_time()
        (message,) = [message for message in desk.stage.apply(block, number) if message.topic == topics.CASES]
        taken.append(time.process_time() - began)
        sizes.append(len(message.value))
    return {"bytes_whole": max(sizes), "bytes_a_version": sizes[-1], "ms_a_version": 1e3 * min(taken)}


def rows_of(accounts: Sequence[str], at: float, offset: int) -> bytes:
    """Return a block of rows of one card, each of ten requests of another account, all of them conspicuous: such a group is judged."""
    evidence = np.array([{"content": 4.0, "timing": 3.0}.get(family, 0.0) for family in FAMILIES])
    rows: list[Row] = [{"account_id": account} for account in accounts]
    usual: Row = {
        "group_id": "payment:00000000000000aa",
        "payment": 0xAA,
        "time": at,
        "offset": offset,
        "requests": 10.0,
        "population": 1e6,
        "source": 0.0,
        "output_tokens": 1_000.0,
        "begun": 0.0,
        "jobs": 0.0,
        "own": evidence,
        "raw": evidence,
    }
    return layouts.GROUPS.encode(columns_of(layouts.GROUPS, rows, usual))


def resident_bytes() -> int:
    """Return the memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def apart(part: str, argument: object) -> Figures:
    """Return what one part measures in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "scaling.py"), "--part", part, str(argument)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    measured: Figures = json.loads(done.stdout)
    return measured


def measure(accounts: Sequence[int] = ACCOUNTS, members: Sequence[int] = MEMBERS) -> Figures:
    """Return every figure."""
    return {
        "accounts": {str(number): apart("accounts", number) for number in accounts},
        "members": {str(number): apart("members", number) for number in members},
        "features": [apart("features", share) for share in SHARES],
        "cases": {str(number): apart("cases", number) for number in members if number <= MAX_CASE_MEMBERS},
    }


def show(measured: Figures, console: Console) -> None:
    """Print the figures."""
    for name, text in speed_tables.TABLES.items():
        if name in measured:
            console.print(Markdown(text(measured)))
    console.print(Markdown(speed_tables.cases(measured)))


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(prog="make bench-scale", description="Measure cost by accounts, members and features.")
    parser.add_argument("--quick", action="store_true", help="no more than 10,000 accounts and members")
    parser.add_argument("--part", nargs=2, metavar=("PART", "ARGUMENT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        collect_garbage_rarely()
        print(json.dumps(PARTS[chosen.part[0]](chosen.part[1])))
        return
    few = [[each for each in numbers if each <= 10_000 or not chosen.quick] for numbers in (ACCOUNTS, MEMBERS)]
    measured = measure(*few)
    written = figures.write("bench-scale", measured, command="make bench-scale", seed=1, partial="large numbers" if chosen.quick else "")
    console = Console()
    show(measured, console)
    console.print(f"figures -> {written}")


PARTS: Final[Mapping[str, Callable[[str], Figures]]] = {
    "accounts": lambda number: by_accounts(int(number)),
    "members": lambda number: by_members(int(number)),
    "features": lambda share: by_features(float(share)),
    "cases": lambda number: by_case(int(number)),
}

if __name__ == "__main__":
    main()
