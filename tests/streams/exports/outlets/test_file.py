from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from streams.core.settings import Settings
from streams.exports.outlet import OutletConfigError
from streams.exports.outlets.file import Outlet
from streams.testing.destination import TrialDestination

SETTINGS = Settings.model_validate({"mode": "local"})


@contextmanager
def destination(folder: Path) -> Iterator[TrialDestination]:
    path = folder / "findings.jsonl"
    full = ("/dev/full", SETTINGS)  # Linux: every write finds the disk full
    yield TrialDestination(str(path), SETTINGS, lambda: [json.loads(line) for line in path.read_text().splitlines()], full, (str(folder),))


def test_findings_are_appended_to_those_of_the_last_run(tmp_path: Path) -> None:
    for number in (1, 2):
        with closing(Outlet.open(str(tmp_path / "f"), SETTINGS)) as outlet:
            outlet.deliver([{"n": number}])
    assert (tmp_path / "f").read_text() == '{"n":1}\n{"n":2}\n'


def test_a_dash_is_standard_output_and_stays_open(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for _ in range(2):
        with closing(Outlet.open("-", SETTINGS)) as outlet:
            outlet.deliver([{"n": 1}])
    assert capfdbinary.readouterr().out == b'{"n":1}\n{"n":1}\n'


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutletConfigError, match="cannot write"):
        Outlet.open(str(tmp_path), SETTINGS)
