"""What strangers chose, on a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata

from rich.text import Text

from streams.core.output import console
from streams.core.printable import printable

EVERY = "".join(map(chr, range(sys.maxunicode + 1)))
BAD = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def test_no_control_format_or_direction_character_is_left_and_json_reads_the_same() -> None:
    shown = printable(EVERY)
    assert {each for each in shown if unicodedata.category(each) in BAD} == {"\n", "\t"}
    assert json.loads(printable(json.dumps("a\u202eb\U000e0041", ensure_ascii=False))) == "a\u202eb\U000e0041"


def test_what_is_printable_stays() -> None:
    assert printable("Zoë 東京 a\n\tb") == "Zoë 東京 a\n\tb"


def test_a_console_prints_its_own_colours_and_no_code_of_a_text() -> None:
    screen = console(force_terminal=True, color_system="standard", width=80)
    with screen.capture() as captured:
        screen.print(Text("evil\x1b[2J\u202e", style="red"))
    assert captured.get() == "\x1b[31mevil\\u001b[2J\\u202e\x1b[0m\n"
