"""Records: what travels as JSON is declared as a struct, once, and everything else is derived from the declaration.

A reader ignores fields that it does not know, so that a newer writer can add one. A missing or retyped field is refused with a reason code
and a sentence that names the field and never quotes its value.
"""

from __future__ import annotations

import re
from typing import Annotated, Self

import msgspec

from streams.core.errors import MalformedEventError
from streams.core.typed_json import read_json

Seconds = Annotated[float, msgspec.Meta(extra={"unit": "s", "moment": True})]
"""A moment: seconds since 1970 in UTC. In ClickHouse `DateTime64(3)`."""
Nats = Annotated[float, msgspec.Meta(extra={"unit": "nat"})]
"""Evidence: natural logarithm of odds."""
UInt32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32, extra={"bits": 32})]
UInt64 = Annotated[int, msgspec.Meta(ge=0, extra={"bits": 64})]

_FIELD = re.compile(r"`\$\.(\w+)|field `(\w+)`")
_MISSING, _NO_CHOICE, _NO_OBJECT = "Object missing", "Invalid enum value", "Expected `object`"


class Record(msgspec.Struct, frozen=True):
    """Base of every record that travels as JSON. The fields are written in the order of their declaration."""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a record.

        Args:
            data: One JSON object. Unknown fields are ignored.

        Raises:
            MalformedEventError: `not_json`, `not_object`, `missing_field`, `wrong_type` or `absurd` (no word of the field's list).
        """
        what = cls.__name__.lower()
        try:
            return read_json(data, cls)
        except msgspec.ValidationError as error:
            raise _refused(what, str(error)) from None
        except msgspec.DecodeError:
            raise MalformedEventError("not_json", f"the {what} is not one JSON object") from None

    def encode(self) -> bytes:
        """Return the record as JSON. A number that is not finite is written as null."""
        return msgspec.json.encode(self)


def _refused(what: str, message: str) -> MalformedEventError:
    match = _FIELD.search(message)
    name = next(filter(None, match.groups())) if match else ""
    if message.startswith(_MISSING):
        return MalformedEventError("missing_field", f"the {what} has no {name}")
    if message.startswith(_NO_CHOICE):
        return MalformedEventError("absurd", f"the {what}'s {name} is none of the words that are allowed")
    if message.startswith(_NO_OBJECT) and not name:
        return MalformedEventError("not_object", f"the {what} is not one JSON object")
    return MalformedEventError("wrong_type", f"the {what}'s {name} has the wrong type or range")
