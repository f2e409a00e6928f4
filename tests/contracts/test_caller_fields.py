"""No API customer can hide a request: whatever a caller writes into a field of its choice, the event is kept. No field is named here."""

from __future__ import annotations

import json

import pytest

from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.schema.blocks import decode
from streams.schema.event import FIELDS, REQUIRED, Event, EventField
from streams.schema.layouts import REQUESTS

NOON = 1_790_000_000.0
REST = {"timestamp": NOON, "event.id": "e1", "account.id": "a1", "gen_ai.usage.input_tokens": 7}
WRONG = (
    *(b"null", b"true", b"false", b"0", b"1", b"-1", b"0.7", b"1e400", b"-1e400", b"NaN", b"Infinity", b"9" * 5_000, b"-0.0"),
    *(b'""', b'"0.7"', b'"x"', b'"NaN"', b'"1e999"', b'"\\ud800"', b'"\\u0000"', b'"\\u202e"', b'"\xff\xfe"', b'"' + b"x" * 70_000 + b'"'),
    *(
        b"[]",
        b"{}",
        b"[[1,2,3]]",
        b"[1,2,3]",
        b'[null,"a",5,{}]',
        b'{"a":{"b":1}}',
        b"[" * 2_000 + b"]" * 2_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    ),
    *(
        b'[{"role":["user"],"content":{"a":[1]}}]',
        b'{"role":"user","content":"hello"}',
        b'[{"role":"user","content":[{"type":"image_url"},5,null,"x"]}]',
    ),
    *(b'["' + b"x" * 70_000 + b'"]', b'[{"content":[{"text":"' + "é".encode() * 50_000 + b'"}]}]'),
    b'"' + b"y" * (2 << 20) + b'"',
)
CALLERS = [field for field in FIELDS if field.callers_choice]


def lines(field: EventField) -> list[bytes]:
    rest = {name: value for name, value in REST.items() if name != field.wire}
    whole = json.dumps(rest).encode()
    return [whole[:-1] + b', "' + field.wire.encode() + b'": ' + wrong + b"}" for wrong in WRONG]


@pytest.mark.parametrize("field", CALLERS, ids=lambda field: field.wire)
def test_whatever_a_caller_writes_its_request_is_kept(field: EventField) -> None:
    for line, wrong in zip(lines(field), WRONG, strict=True):
        if field.wire in REQUIRED and not wrong.startswith((b'"0', b"0", b"1", b'"x')):
            continue  # an event without an id cannot be told from its repetition
        collector = Collector(Settings(mode="local", partitions=1))
        step = collector.add([line], "test", NOON)
        assert not step.dead, (wrong[:30], step.dead[0].reason, step.dead[0].detail)
        (block,) = collector.flush()
        assert decode(block.data, REQUESTS).numbers("input_tokens").tolist() == [7.0]


@pytest.mark.parametrize("field", CALLERS, ids=lambda field: field.wire)
def test_a_request_before_and_after_it_is_kept_too(field: EventField) -> None:
    collector = Collector(Settings(mode="local", partitions=1, fuse_run=2, fuse_window=10))
    step = collector.add(lines(field), "test", NOON)
    assert step.accepted + step.rejected.total() == len(WRONG)
    collector.fuse.check()


def test_what_a_caller_writes_in_another_type_is_read_where_it_can_be() -> None:
    chosen: Event = {"gen_ai.request.temperature": "0.7", "gen_ai.request.stream": 1, "gen_ai.request.seed": "x", "user.id": 42}
    chosen |= {"gen_ai.request.max_tokens": True, "prompt": [[1, 2, 3]], "gen_ai.request.top_p": "7"}
    collector = Collector(Settings(mode="local", partitions=1))
    collector.add([json.dumps(REST | chosen).encode()], "test", NOON)
    block = decode(collector.flush()[0].data, REQUESTS)
    found = {name: block.numbers(name).tolist()[0] for name in ("temperature", "streamed", "seeded")}
    assert found == pytest.approx({"temperature": 0.7, "streamed": 1.0, "seeded": 1.0})
    assert str(block.numbers("max_tokens")[0]) == str(block.numbers("top_p")[0]) == "nan"
    assert block.hashes("end_user")[0] != 0
    assert block.hashes("simhash")[0] == 0


def test_fields_on_both_sides_of_a_prompt_of_megabytes_are_read() -> None:
    collector = Collector(Settings(mode="local", partitions=1))
    line = json.dumps({**REST, "prompt": "word " * (1 << 20), "user_agent.original": "behind"}).encode()
    assert collector.add([line], "test", NOON).accepted == 1
    assert decode(collector.flush()[0].data, REQUESTS).texts("user_agent") == ["behind"]
