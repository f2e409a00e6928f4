"""What is left of a refused line."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.errors import MalformedEventError
from streams.intake import dead_letters
from streams.intake.dead_letters import MAX_LETTER_BYTES, blanked, letter


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (b'{"account.id": "me", "prompt": "words"}', {"account.id": "", "prompt": ""}),
        (b'{"gen_ai.usage.input_tokens": -5, "secret": 5}', {"gen_ai.usage.input_tokens": -5, "?2": 0}),
        (b'{"prompt": [{"role": "user", "content": "words", "id": 7}]}', {"prompt": [{"role": "", "content": "", "id": 0}]}),
        (b'{"words words": {"words": "words"}}', {"?1": {"?1": ""}}),
        (b'{"gen_ai.request.stream": true, "user.id": null}', {"gen_ai.request.stream": True, "user.id": None}),
        (b'["words"]', {"length": 9, "skeleton": '[""]'}),
        (b'{"prompt": "half a li', {"length": 21, "skeleton": '{"":"'}),
        (b"words, words", {"length": 12, "skeleton": ","}),
        (b"", {"length": 0, "skeleton": ""}),
    ],
)
def test_the_shape_stays_and_the_text_goes(line: bytes, left: object) -> None:
    assert orjson.loads(blanked(line)) == left


@given(st.binary(max_size=300) | st.text('{}[]:,"ab1', max_size=40).map(str.encode))
def test_what_is_blanked_stays_as_it_is(line: bytes) -> None:
    assert blanked(blanked(line)) == blanked(line)


def test_words_in_a_strangers_skeleton_and_after_it_go() -> None:
    assert b"words" not in blanked(b'{"length":5,"skeleton":"words"}') + blanked(b'{"length":5,"skeleton":"{}"} words')


def test_a_letter_is_never_large() -> None:
    assert len(blanked(orjson.dumps({"messages": [0] * 100_000}))) < MAX_LETTER_BYTES
    assert len(blanked(b'"' * 5_000_000)) < MAX_LETTER_BYTES


def test_no_more_of_a_line_is_looked_at_than_a_letter_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, blank = [], dead_letters._blank

    def count(*given: Any, **named: Any) -> Any:
        looked.append(1)
        return blank(*given, **named)

    monkeypatch.setattr(dead_letters, "_blank", count)
    assert orjson.loads(blanked(orjson.dumps({"messages": [[]] * 300_000})))["length"] == 900_014
    assert len(looked) <= MAX_LETTER_BYTES // 2 + 1


def test_its_headers_say_why_and_where() -> None:
    found = letter(MalformedEventError("negative", "x is below zero"), b"{}", "a.jsonl", "7")
    assert dict(found.headers()) == {"reason": b"negative", "detail": b"x is below zero", "source": b"a.jsonl", "position": b"7"}


@given(st.binary(max_size=300))
def test_any_line_leaves_json_without_a_letter_of_it(line: bytes) -> None:
    found = orjson.loads(blanked(b"\xff" + line))
    assert set(found["skeleton"]) <= set('{}[]:,"')
