"""What holds for every test: the machine's own settings do not leak in, hypothesis does not depend on how busy it is, and what tests share
is made by one worker."""

from __future__ import annotations

import os

import hypothesis
import pytest

hypothesis.settings.register_profile("hydrometer", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("hydrometer")


_MADE_ONCE = ("rehearsed", "replayed")
"""Fixtures that take many seconds: all that need one run in one worker of pytest-xdist. Otherwise a file does."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Name the worker's group; `pytest -n 2 --dist loadgroup` heeds it."""
    needed = getattr(item, "fixturenames", ())
    item.add_marker(pytest.mark.xdist_group(next((name for name in _MADE_ONCE if name in needed), item.nodeid.partition("::")[0])))


@pytest.fixture(autouse=True)
def _settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("HYDROMETER_") and name != "HYDROMETER_SHARED"]:
        monkeypatch.delenv(variable)
