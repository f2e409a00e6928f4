from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from streams.exports.outlet import OUTLET_ENTRY_POINTS, OutletConfigError, load, outlets
from streams.exports.outlets.file import Outlet as File


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, OUTLET_ENTRY_POINTS)


def test_outlets_are_found_by_their_files() -> None:
    assert outlets()["file"] is File


def test_an_installed_package_brings_an_outlet_by_an_entry_point() -> None:
    assert load(point("syslog", "streams.exports.outlets.file:Outlet")) is File


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("syslog", "no_such_package:Outlet", "cannot be loaded"),
        ("syslog", "streams.exports.forward:READER", "lacks metavar"),
        ("two words", "streams.exports.outlets.file:Outlet", "cannot be an option"),
        ("once", "streams.exports.outlets.file:Outlet", "cannot be an option"),
    ],
)
def test_an_entry_point_that_is_no_outlet_is_refused_in_one_line(name: str, value: str, message: str) -> None:
    with pytest.raises(OutletConfigError, match=message) as error:
        load(point(name, value))
    assert len(str(error.value).splitlines()) == 1
