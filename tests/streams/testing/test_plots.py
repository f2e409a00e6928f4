from __future__ import annotations

from xml.etree import ElementTree as ET

from streams.testing.plots import HIGH, LEFT, TOP, WIDE, bars, plot


def places(svg: str) -> list[tuple[int, int]]:
    return [(int(each.attrib["cx"]), int(each.attrib["cy"])) for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}circle")]


def test_the_longest_bar_is_400_wide_and_half_as_much_is_half_as_wide() -> None:
    drawn = bars("speed", {"0.1.0": 50.0, "0.2.0": 100.0})
    assert drawn.count('width="200"') == drawn.count('width="400"') == 1


def test_bars_of_nothing_but_zeros_are_drawn() -> None:
    assert bars("lost events", {"0.1.0": 0.0}).count('width="0"') == 1


def test_each_power_of_ten_is_as_far_from_the_next() -> None:
    svg = plot("us", "events", {"one": [(1, 1_000), (10, 100), (100, 10)]})
    assert places(svg) == [(LEFT, TOP), (LEFT + WIDE // 2, TOP + HIGH // 2), (LEFT + WIDE, TOP + HIGH)]


def test_lines_are_named_in_their_colours_and_a_name_is_no_markup() -> None:
    svg = plot("us", "events", {"a<b": [(1, 1)], "two": [(10, 2)]})
    texts = {each.text: each.attrib.get("fill") for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert texts["a<b"] == "teal"
    assert texts["two"] == "darkorange"
