"""`make peers`: the clients' own test suites against `hydrometer local`.

Each suite is taken as its authors publish it (a checkout in `PEERS`, else a clone of its repository or a module of Go's proxy), never
changed, and never committed here. A case that fails is an error unless `waived.toml` names it with a reason; a waiver that no failing case
needs is an error, too, so that the list stays true. What was counted becomes a figure (`docs/data/peers`).
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.devserver.process import LocalClickHouse, local_server
from streams.testing.figures import current_revision, write

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE.parents[1] / "build" / "peers"
ROWS: Final = BUILD / "rows.json"
"""What each suite passed when it ran last: suites that are named are run again, the others keep theirs."""
EXTRA: Final = (
    "pytest-mock==3.17.0",
    "polars==2.1.0",
    "polars-runtime-32==2.1.0",
    "pyjwt==2.15.1",
    "alembic==1.20.1",
    "mako==1.4.3",
    "tzlocal==5.4.5",
    "freezegun==1.5.5",
    "parameterized==0.9.0",
    "zstd==1.5.7.2",
)
"""What suites import beyond our environment."""
GO_CLIENT: Final = "github.com/ClickHouse/clickhouse-go/v2@v2.51.0"
SHOWN: Final = 40
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

Outcomes = dict[str, str]
"""Of a suite: how each case ended."""


@dataclass(frozen=True)
class Suite:
    """A client's suite."""

    repository: str
    """Where it is published: an address for git, or a Go module with its version."""
    tag: str
    """The published version."""
    run: Callable[[Path, LocalClickHouse], Outcomes]
    zone: str = "UTC"
    """The time zone of the server, as the suite's authors set it for theirs."""


@dataclass(frozen=True)
class Waiver:
    """Why some cases need not pass."""

    suite: str
    cases: tuple[str, ...]
    """Patterns of their names (`fnmatch`)."""
    reason: str
    skip: tuple[str, ...] = ()
    """Patterns (Go's) of tests that end the whole suite, and so are not begun."""


def environment(server: LocalClickHouse) -> dict[str, str]:
    """Return the environment in which every suite finds the server."""
    extra = str(BUILD / "extra")
    names = {"USER": server.user, "USERNAME": server.user, "PASSWORD": server.password, "HOST": server.host, "PORT": str(server.port)}
    return {
        **os.environ,
        "PYTHONPATH": extra,
        **{f"CLICKHOUSE_{name}": value for name, value in names.items()},
        "CLICKHOUSE_DB": "default",
        "CLICKHOUSE_HTTP_PORT": str(server.http_port),
        "CLICKHOUSE_USE_DOCKER": "false",
        **{f"CLICKHOUSE_CONNECT_TEST_{name}": value for name, value in names.items()},
        "CLICKHOUSE_CONNECT_TEST_PORT": str(server.http_port),
        **{f"HYDROMETER_PEERS_{name}": value for name, value in {**names, "HTTP_PORT": str(server.http_port)}.items()},
    }


def pytest(folder: Path, server: LocalClickHouse, *words: str) -> Outcomes:
    """Run pytest in a folder, and return how its cases ended."""
    report = folder / "report.xml"
    given = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--timeout=60", f"--junitxml={report}", *words]
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "pytest", *given]
        subprocess.run(command, cwd=folder, env=environment(server), stdout=log, stderr=subprocess.STDOUT, check=False)
    outcomes: Outcomes = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        name = f"{case.get('classname', '').removeprefix('tests.')}::{case.get('name')}"
        outcomes[name] = FAILED if kinds & {"failure", "error"} else SKIPPED if "skipped" in kinds else PASSED
    return outcomes


def work_in(source: Path, name: str, *parts: str) -> Path:
    """Return a new folder that holds these parts of a checkout, without the client itself: the installed one is asked."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part in parts:
        (shutil.copytree if (source / part).is_dir() else shutil.copy)(source / part, folder / part)
    return folder


def driver(source: Path, server: LocalClickHouse) -> Outcomes:
    """Run clickhouse-driver's suite."""
    folder = work_in(source, "clickhouse-driver", "tests")
    shim = folder / "clickhouse-client"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {HERE / "clickhouse_client.py"} "$@"\n')
    shim.chmod(0o755)
    fields = {
        "host": server.host,
        "port": server.port,
        "secure_port": 9440,
        "database": "test",
        "user": server.user,
        "password": server.password,
        "compression": "lz4,lz4hc,zstd",
        "client": shim,
    }
    listed = "\n".join(f"{name}={value}" for name, value in fields.items())
    (folder / "setup.cfg").write_text(f"[db]\n{listed}\n\n[log]\nlevel=ERROR\n")
    return pytest(folder, server, "-c", os.devnull, "--rootdir=.", "tests")


def asynch(source: Path, server: LocalClickHouse) -> Outcomes:
    """Run asynch's suite."""
    folder = work_in(source, "asynch", "tests")
    loop = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=session", "-o", "asyncio_default_test_loop_scope=session")
    return pytest(folder, server, "-c", os.devnull, "--rootdir=.", *loop, "tests")


def connect(source: Path, server: LocalClickHouse) -> Outcomes:
    """Run clickhouse-connect's suite of tests that need a server."""
    folder = work_in(source, "clickhouse-connect", "tests")
    return pytest(folder, server, "-c", os.devnull, "--rootdir=.", "-o", "asyncio_mode=auto", "tests/integration_tests")


def go(source: Path, server: LocalClickHouse) -> Outcomes:
    """Run clickhouse-go's suites: its own interface, `database/sql`, and the cases of its issues."""
    outcomes: Outcomes = {}
    for package in ("tests", "tests/std", "tests/issues"):
        skipped = "|".join(word for waiver in waivers() for word in waiver.skip)
        command = ["go", "test", "-json", "-count=1", "-timeout=600s", f"-skip={skipped}", f"./{package}"]
        found = subprocess.run(command, cwd=source, env=environment(server), capture_output=True, text=True, check=False)
        (BUILD / f"go-{package.replace('/', '-')}.log").write_text(found.stdout + found.stderr)
        for line in found.stdout.splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            ended = {"pass": PASSED, "fail": FAILED, "skip": SKIPPED}.get(event.get("Action", ""))
            if ended and "Test" in event:
                outcomes[f"{package}::{event['Test']}"] = ended
    return outcomes


SUITES: Final[Mapping[str, Suite]] = {
    "clickhouse-driver": Suite("https://github.com/mymarilyn/clickhouse-driver", "0.2.11", driver, "Europe/Moscow"),
    "asynch": Suite("https://github.com/long2ice/asynch", "v0.4.0", asynch),
    "clickhouse-connect": Suite("https://github.com/ClickHouse/clickhouse-connect", "v1.12.0", connect),
    "clickhouse-go": Suite(GO_CLIENT, "v2.51.0", go),
}


def source(name: str, peers: Path | None) -> Path:
    """Return a suite's checkout: that in `peers`, else one that is fetched. Raises CalledProcessError when it cannot be."""
    if peers and (peers / name).is_dir():
        return peers / name
    suite, target = SUITES[name], BUILD / "sources" / name
    if target.is_dir():
        return target
    if suite.repository == GO_CLIENT:
        told = subprocess.run(["go", "mod", "download", "-json", GO_CLIENT], check=True, capture_output=True, text=True)
        shutil.copytree(json.loads(told.stdout)["Dir"], target)
        subprocess.run(["chmod", "-R", "u+w", str(target)], check=True)
    else:
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"--branch={suite.tag}", suite.repository, str(target)], check=True)
    return target


def waivers() -> list[Waiver]:
    """Return what need not pass, and why."""
    with (HERE / "waived.toml").open("rb") as file:
        listed = tomllib.load(file)["waiver"]
    return [Waiver(one["suite"], tuple(one["cases"]), one["reason"], tuple(one.get("skip", ()))) for one in listed]


def judge(name: str, outcomes: Outcomes, waived: list[Waiver]) -> tuple[list[str], list[str], list[tuple[Waiver, int]]]:
    """Return the cases that fail and must pass, the reasons that no failing case needs, and how many cases each waiver excuses."""
    failing = [case for case, ended in outcomes.items() if ended == FAILED]
    ours = [waiver for waiver in waived if waiver.suite == name]
    excused = {case: waiver for case in failing for waiver in reversed(ours) if any(fnmatch.fnmatchcase(case, one) for one in waiver.cases)}
    stale = [waiver.reason for waiver in ours if not waiver.skip and waiver not in excused.values()]
    return [case for case in failing if case not in excused], stale, [(waiver, list(excused.values()).count(waiver)) for waiver in ours]


def main() -> int:
    """Run the suites that are named, or all. Returns 0 when every case ended as it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*SUITES, []], metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--peers", type=Path, help="a folder with checkouts, by the suites' names")
    chosen = parser.parse_args()
    names, waived, bad = chosen.names or list(SUITES), waivers(), 0
    rows: dict[str, dict[str, object]] = json.loads(ROWS.read_text()) if chosen.names and ROWS.exists() else {}
    revision = current_revision()
    BUILD.mkdir(parents=True, exist_ok=True)
    if not (BUILD / "extra").is_dir():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--target", str(BUILD / "extra"), *EXTRA], check=True)
    for name in names:
        began = time.monotonic()
        data = BUILD / f"data-{name}"
        shutil.rmtree(data, ignore_errors=True)
        os.environ["TZ"] = SUITES[name].zone
        with local_server(data, user="default", password="peers", native_port=9000, http_port=8123, clients=4096) as server:
            outcomes = SUITES[name].run(source(name, chosen.peers), server)
        (BUILD / f"{name}.json").write_text(json.dumps(outcomes, indent=1))
        wrong, stale, excused = judge(name, outcomes, waived)
        bad += len(wrong) + len(stale) + (not outcomes)
        counts = {ended: list(outcomes.values()).count(ended) for ended in (PASSED, FAILED, SKIPPED)}
        print(f"{name}: {counts[PASSED]} of {counts[PASSED] + counts[FAILED]} passed, {counts[SKIPPED]} skipped by the suite, "
              f"{counts[FAILED] - len(wrong)} waived, {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        for case in wrong[:SHOWN]:
            print(f"  must pass: {case}")
        for reason in stale:
            print(f"  waived, and nothing fails: {reason}")
        reasons = [[waiver.reason, cases] for waiver, cases in excused]
        rows[name] = {"suite": name, "version": SUITES[name].tag, "revision": revision, **counts, "waived": reasons}
        ROWS.write_text(json.dumps(rows))
    left_out = ", ".join(name for name in SUITES if name not in rows)
    figures = {"suites": [rows[name] for name in SUITES if name in rows]}
    print(f"figures -> {write('peers', figures, command='make peers', partial=left_out, revision=revision)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
