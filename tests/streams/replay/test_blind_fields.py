"""The table of what a missing field blinds, for those who only show it."""

from __future__ import annotations

import subprocess
import sys

from streams.replay.blind_fields import stored
from streams.schema.event import FIELDS, REQUIRED


def test_each_optional_field_is_in_it_and_what_it_blinds_tells_apart_otherwise() -> None:
    assert list(stored().blind_without) == [field.wire for field in FIELDS if field.wire not in REQUIRED]
    assert {name for names in stored().blind_without.values() for name in names} <= {*stored().distinguishing}


def test_a_board_that_shows_it_loads_no_stage() -> None:
    code = "import sys, dashboards.boards.quality; print(*[name for name in sys.modules if name.startswith('streams.stages')])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"
