"""What holds for every test: the machine's own settings and the shell's do not leak in, and hypothesis does not mind how busy it is.

Tests are dealt to processes by file, and those that share a session fixture of ours (a replay, a filled ClickHouse) go to one process, so
that each is made once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import hypothesis
import pytest

hypothesis.settings.register_profile("hydrometer", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("hydrometer")

# a shell ignores Ctrl-C for what it runs in the background, and every process that a test starts would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(home(item)))


def home(item: pytest.Item) -> str:
    """Return the folder whose conftest makes what this test shares with others, else its file."""
    fixtures: dict[str, Sequence[pytest.FixtureDef[object]]] = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009
    shared = {definitions[-1].baseid for definitions in fixtures.values() if definitions[-1].scope == "session"}
    return min(shared - {""}, key=len, default=item.nodeid.partition("::")[0])


@pytest.fixture(autouse=True)
def _settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("HYDROMETER_") and name != "HYDROMETER_SHARED"]:
        monkeypatch.delenv(variable)
