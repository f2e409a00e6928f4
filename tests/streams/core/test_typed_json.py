"""Whatever bytes strangers call JSON, a reader meets one kind of error."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

from streams.core.errors import MalformedEventError
from streams.core.typed_json import read_json
from streams.schema.record import Record

ROOT = Path(__file__).resolve().parents[3]
DEEP = b'{"number": 1, "ignored": ' + b"[" * 100_000


class Pair(Record, frozen=True):
    number: int
    name: str = ""


@pytest.mark.parametrize(
    "data",
    [b"", b"\x9a", b'{"number": 1, "name": "\x9a"}', b'{"\x9a": 1}', DEEP, b"[" * 100_000, b'{"number": "1"}', b'{"number": 1e400}'],
    ids=["nothing", "no JSON", "text is no UTF-8", "a key is no UTF-8", "deep in an ignored field", "deep", "another type", "too large"],
)
def test_what_cannot_be_read_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_json(data, Pair)
    with pytest.raises(MalformedEventError):
        Pair.decode(data)


def test_what_can_be_read_is_read() -> None:
    assert read_json(b'{"number": 1, "name": "one", "ignored": [[1]]}', Pair) == Pair(1, "one")


def test_no_module_reads_a_type_from_json_in_another_way() -> None:
    others = {"msgspec.json.decode", "msgspec.json.Decoder"}
    for path in sorted((ROOT / "streams").rglob("*.py")):
        found = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)} & others
        assert not found or path.name == "typed_json.py", path
