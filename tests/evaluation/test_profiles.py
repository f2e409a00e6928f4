"""What a log keeps of each event by its profile."""

from __future__ import annotations

import json
from pathlib import Path

import profiles

from streams.intake.formats.registry import all_formats
from streams.schema import blocks, layouts
from streams.schema.event import NAMES, REQUIRED


def test_every_format_that_is_a_table_has_a_profile_with_what_is_required() -> None:
    tables = {each.name for each in all_formats() if each.readable and each.fields and each.name != "otlp"}
    named = profiles.profiles()
    assert tables <= named.keys()
    assert all(fields >= {*REQUIRED} and fields <= NAMES for fields in named.values())


def test_a_profile_without_prompts_has_all_else() -> None:
    assert NAMES - profiles.profiles()["without prompt"] == {"prompt", "system_prompt", "prompt.sketch"}


def test_an_event_loses_what_its_profile_has_not(tmp_path: Path) -> None:
    event = {"timestamp": 1_790_000_000, "event.id": "e", "account.id": "a", "gen_ai.request.model": "large", "payment.hash": "card"}
    (tmp_path / "log").write_text(json.dumps(event))
    (outgoing,) = profiles.blocks_of(tmp_path / "log", NAMES - {"payment.hash"})
    block = blocks.decode(outgoing.data, layouts.REQUESTS)
    assert (block.texts("request_model")[0], block.hashes("payment")[0]) == ("large", 0)
