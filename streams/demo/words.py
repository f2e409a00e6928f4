"""Vocabularies of the demonstration's prompts (`words.json`): our own words, in the languages that ordinary users write.

A language is a set of short pieces that combine freely: what someone asks, about what, in which situation. Pieces stay short so
that two people who ask different subjects share few long strings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Language:
    """The pieces of one language, joined by `joint`; an empty wish is left out."""

    asks: tuple[str, ...]
    subjects: tuple[str, ...]
    settings: tuple[str, ...]
    wishes: tuple[str, ...]
    more: tuple[str, ...]
    joint: str


def _language(pieces: Mapping[str, str | list[str]]) -> Language:
    pools = {key: tuple(values) for key, values in pieces.items() if key != "joint"}
    return Language(**pools, joint=str(pieces["joint"]))


_WORDS = json.loads(files("streams.demo").joinpath("words.json").read_text("utf-8"))
LANGUAGES = {name: _language(pieces) for name, pieces in _WORDS["languages"].items()}
ENGLISH = LANGUAGES["english"]
SYLLABLES: tuple[str, ...] = tuple(_WORDS["syllables"])
VERBS: tuple[str, ...] = tuple(_WORDS["code"]["verbs"])
PARTS: tuple[str, ...] = tuple(_WORDS["code"]["parts"])
FAULTS: tuple[str, ...] = tuple(_WORDS["code"]["faults"])
