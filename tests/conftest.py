"""What holds for every test: the machine's own settings and the shell's do not leak in, and hypothesis does not mind how busy it is.

Tests are dealt to processes by file, and those that share a session fixture of ours (a replay, a filled ClickHouse) go to one process, so
that each is made once. What takes longest is dealt first, by the durations that `make test DURATIONS=1` writes. What a test does is
counted: too much of it needs the mark `slow`.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Final

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from streams.testing.dealing import longest_first, read_durations, write_durations
from streams.testing.work import SLICES, WorkDone

ROOT: Final = Path(__file__).resolve().parents[1]
DURATIONS: Final = ROOT / "tests" / "durations.json"
FIXTURE: Final = re.compile(r"^@pytest\.fixture.*\n(?:async )?def (\w+)", re.MULTILINE)

hypothesis.settings.register_profile("hydrometer", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("hydrometer")

# a shell ignores Ctrl-C for what it runs in the background, and every process that a test starts would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)


BEFORE: Final = pytest.StashKey[WorkDone]()


class ByHome(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Deals tests to processes by the file, or by the folder whose conftest makes what the file shares with others.

    (xdist's `loadgroup` writes the group into an attribute that pytest has no longer: it would deal every test by itself.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return home_of(nodeid)


@pytest.hookimpl(optionalhook=True)  # without xdist there is nothing to deal
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByHome:
    return ByHome(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes longest first where tests are dealt to several processes; one process runs them as they stand."""
    if hasattr(config, "workerinput"):
        by_name = {item.nodeid: item for item in items}
        items[:] = [by_name[name] for name in longest_first([*by_name], home_of, read_durations(DURATIONS))]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let Python look for cycles among what tests make alone: half a million objects of collected tests live to the end."""
    gc.freeze()


def home_of(nodeid: str) -> str:
    """Return what goes to one process with a test."""
    return home(nodeid.partition("::")[0])


@cache
def home(file: str) -> str:
    """Return the folder, of `tests/...`, whose conftest has a fixture for the session that a file uses, else the file."""
    path = ROOT / file
    words = set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    folders = [folder for folder in path.parents if ROOT / "tests" in folder.parents and words & shared(folder)]
    return str(folders[-1].relative_to(ROOT)) if folders else file


@cache
def shared(folder: Path) -> frozenset[str]:
    """Return the names of all fixtures of a folder's conftest, if it has one for the session."""
    conftest = folder / "conftest.py"
    text = conftest.read_text(encoding="utf-8") if conftest.exists() else ""
    return frozenset(FIXTURE.findall(text)) if 'scope="session"' in text else frozenset()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the option by which durations are kept."""
    parser.addoption("--write-durations", action="store_true", help=f"write how long tests took into {DURATIONS.relative_to(ROOT)}")


def pytest_configure(config: pytest.Config) -> None:
    """Count the work of tests: as a plugin, because no conftest hears of fixtures for the session."""
    config.pluginmanager.register(Budget())
    if config.getoption("--write-durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch())


class Stopwatch:
    """Keeps how long tests took, with the fixtures that were made for them."""

    def __init__(self) -> None:
        self.seconds = defaultdict[str, float](float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what one phase of a test took."""
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        write_durations(DURATIONS, self.seconds, ROOT)


class Budget:
    """Fails a test that starts or replays too much without the mark `slow`."""

    def __init__(self) -> None:
        self.work = WorkDone()
        self.work.count_processes()

    def pytest_collection_finish(self) -> None:
        """Count the events of replays, if a test that was collected can replay."""
        replays = sys.modules.get("streams.replay.run")
        if replays is not None:
            replays.Replay.feed = self.work.count_events(replays.Replay.feed)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        if fixturedef.scope != "session":
            return (yield)
        with self.work.unchanged():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        item.stash[BEFORE] = self.work.copy()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        yield
        complaint = self.work.since(item.stash[BEFORE]).complaint()
        if complaint and not any(item.get_closest_marker(name) for name in SLICES):
            pytest.fail(complaint, pytrace=False)


@pytest.fixture(autouse=True)
def _settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("HYDROMETER_") and name != "HYDROMETER_SHARED"]:
        monkeypatch.delenv(variable)
