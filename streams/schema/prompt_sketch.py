"""The parts of a prompt's keyed sketch (`streams/privacy/sketch.py`): what travels of a prompt in place of its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

PROMPT_SHINGLES: Final = 8
"""How many of the smallest shingle hashes a prompt keeps (bottom-k)."""
PROMPT_TOPICS: Final = 2048
"""Topics are numbered from 0 to one less."""

PARTS: Final[Mapping[str, Literal["hash", "shingles", "number", "text", "flag"]]] = {
    "simhash": "hash",
    "shingles": "shingles",
    "template": "hash",
    "system_template": "hash",
    "topic": "number",
    "language": "text",
    "asks_reasoning": "flag",
    "asks_grading": "flag",
    "asks_trajectory": "flag",
    "known_corpus": "flag",
}
"""Each part's kind, in the order of the columns. A flag is 0 or 1."""
HASHES: Final = tuple(name for name, kind in PARTS.items() if kind == "hash")
FLAGS: Final = tuple(name for name, kind in PARTS.items() if kind == "flag")
