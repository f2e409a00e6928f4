"""What every outlet keeps to. The suite finds outlets and their tests by itself: a new file needs no change here.

Each test file `tests/streams/exports/outlets/test_NAME.py` has `destination(folder)`, a context that gives a real Destination.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

import streams.exports.outlets
from streams.core.errors import HydrometerError
from streams.exports.outlet import Outlet, OutletConfigError, outlets
from streams.testing.by_path import loaded
from streams.testing.destination import SECRET, TrialDestination

TESTS = Path(__file__).resolve().parents[1] / "streams" / "exports" / "outlets"
NAMES = sorted(module.name for module in pkgutil.iter_modules(streams.exports.outlets.__path__))
FINDINGS = [{"finding_info": {"uid": "extraction:account:a-1"}, "activity_id": number} for number in (1, 2, 3)]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def outlet(name: str) -> type[Outlet]:
    return outlets()[name]


@pytest.fixture
def destination(name: str, tmp_path: Path) -> Iterator[TrialDestination]:
    opened: AbstractContextManager[TrialDestination] = loaded(TESTS / f"test_{name}.py").destination(tmp_path)
    with opened as found:
        yield found


def test_every_file_is_an_outlet_under_its_name() -> None:
    assert {"file", "topic", "webhook"} <= set(NAMES) <= set(outlets())


def test_it_returns_once_the_destination_has_every_finding_in_order(outlet: type[Outlet], destination: TrialDestination) -> None:
    with closing(outlet.open(destination.target, destination.settings)) as opened:
        opened.deliver(FINDINGS[:1])
        opened.deliver(FINDINGS[1:])
        assert destination.received() == FINDINGS


def test_findings_may_be_delivered_again_by_another_run(outlet: type[Outlet], destination: TrialDestination) -> None:
    for _ in range(2):
        with closing(outlet.open(destination.target, destination.settings)) as opened:
            opened.deliver(FINDINGS[:1])
    assert destination.received() == FINDINGS[:1] * 2


def test_what_the_destination_did_not_take_is_an_error_of_one_line(outlet: type[Outlet], destination: TrialDestination) -> None:
    target, settings = destination.broken
    with pytest.raises(HydrometerError) as error, closing(outlet.open(target, settings)) as opened:
        opened.deliver(FINDINGS)
    assert len(str(error.value).splitlines()) == 1


def test_a_wrong_target_is_refused_in_one_line_before_anything_is_delivered(outlet: type[Outlet], destination: TrialDestination) -> None:
    for target in ("", *destination.wrong):
        with pytest.raises(OutletConfigError) as error:
            outlet.open(target, destination.settings)
        assert len(str(error.value).splitlines()) == 1


def test_its_secret_is_never_printed(
    outlet: type[Outlet], destination: TrialDestination, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    printed = []
    attempts = [(destination.target, destination.settings), destination.broken]
    attempts += [(target, destination.settings) for target in destination.wrong]
    for target, settings in attempts:
        try:
            with closing(outlet.open(target, settings)) as opened:
                printed.append(repr(opened))
                opened.deliver(FINDINGS)
        except HydrometerError as error:
            printed.append(str(error))
    assert SECRET not in "".join((*printed, caplog.text, *capfd.readouterr()))
