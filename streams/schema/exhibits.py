"""Exhibits: files and facts that tie a case to a model, as people recorded them. Each travels as the value of a signed action."""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

import msgspec

from streams.core.errors import MalformedEventError
from streams.core.typed_json import read_json
from streams.schema.actions import Action
from streams.schema.event import MAX_TIME_SECONDS
from streams.schema.record import Record, Seconds

ExhibitKind = Literal["canary", "served", "release", "comparison", "canary check"]
EXHIBIT_KINDS: Final[tuple[ExhibitKind, ...]] = get_args(ExhibitKind)
"""A policy of canaries, how often it was served, a model's release, a report of `forensics compare`, one of `canary check`."""
_SHA256: Final = re.compile(r"(?:[0-9a-f]{64})?")


class Exhibit(Record, frozen=True):
    """One link of a case's chain of evidence. The sentence about it is the note of its action."""

    kind: ExhibitKind
    began: Seconds
    """When it happened: approved, first served, released, tested. Not when it was recorded, which is the action's time."""
    ended: Seconds
    """When it ended; the same moment unless it lasted."""
    sha256: str = ""
    """Of the file; empty where a fact has no file."""

    def __post_init__(self) -> None:
        """Check what types cannot say. Raises MalformedEventError."""
        if not 0 <= self.began <= self.ended <= MAX_TIME_SECONDS:
            raise MalformedEventError("bad_timestamp", "an exhibit's times are in seconds since 1970, before 2100, the earlier first")
        if not _SHA256.fullmatch(self.sha256):
            raise MalformedEventError("absurd", "an exhibit's sha256 is 64 hexadecimal digits")


def exhibit_of(action: Action) -> Exhibit | None:
    """Return the exhibit that an action records; None for other actions, and for an exhibit that cannot be read."""
    if action.kind != "exhibit":
        return None
    try:
        return read_json(action.value, Exhibit)
    except (msgspec.DecodeError, MalformedEventError):
        return None
