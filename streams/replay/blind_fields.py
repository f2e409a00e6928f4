"""What each optional field blinds when it alone is missing, as `make render` worked it out from the little world.

Apart from the world itself, so that a board that only shows it does not load every stage.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from streams.core.typed_json import read_json

TABLE: Final = Path(__file__).with_name("what_fields_blind.json")


class BlindFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the table."""

    features: list[str]
    """All features that it was made with."""
    distinguishing: list[str]
    """What tells the entities of the world apart when no field is missing."""
    blind_without: dict[str, list[str]]
    """By field (canonical name), what of it no longer does."""


@cache
def stored() -> BlindFields:
    """Return the table."""
    return read_json(TABLE.read_bytes(), BlindFields)
