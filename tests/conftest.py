"""What holds for every test: the machine's own settings and the shell's do not leak in, and hypothesis does not mind how busy it is."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

hypothesis.settings.register_profile("hydrometer", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("hydrometer")

# a shell ignores Ctrl-C for what it runs in the background, and every process that a test starts would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("HYDROMETER_") and name != "HYDROMETER_SHARED"]:
        monkeypatch.delenv(variable)
