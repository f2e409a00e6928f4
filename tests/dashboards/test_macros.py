from __future__ import annotations

import pytest

from dashboards.macros import UnknownMacroError, Window
from dashboards.query import variable

NOON = Window(start=43_200, end=46_800, interval=60, variables={"case": "it's"})


def test_a_time_filter_becomes_two_comparisons() -> None:
    assert NOON.expand("$__timeFilter(opened_at)") == "opened_at >= toDateTime(43200) AND opened_at <= toDateTime(46800)"


def test_milliseconds_are_compared_as_milliseconds() -> None:
    assert NOON.expand("$__timeFilter_ms(t)") == "t >= fromUnixTimestamp64Milli(43200000) AND t <= fromUnixTimestamp64Milli(46800000)"


def test_an_interval_becomes_a_bucket() -> None:
    assert NOON.expand("$__timeInterval(time)") == "toStartOfInterval(toDateTime(time), INTERVAL 60 second)"
    assert NOON.expand("count() / $__interval_s") == "count() / 60"


def test_the_ends_of_the_range_stand_alone() -> None:
    assert NOON.expand("$__fromTime - $__toTime") == "toDateTime(43200) - toDateTime(46800)"


def test_a_variable_is_encoded_as_grafana_encodes_it() -> None:
    hostile = Window(start=0, end=1, variables={"case": r"it's \ a+b"})
    assert hostile.expand(f"case_id = {variable('case')}") == "case_id = decodeURLComponent('it%27s%20%5C%20a%2Bb')"


@pytest.mark.parametrize("left", ["${case}", "$case", "${case:singlequote}", "${other:percentencode}", "$__conditionalAll(a, $b)"])
def test_what_is_not_known_is_refused_by_name(left: str) -> None:
    with pytest.raises(UnknownMacroError, match="is not a known macro or variable"):
        NOON.expand(f"SELECT {left}")
