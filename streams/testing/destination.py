"""What the contract suite of outlets requires of each: a real destination, and targets that do not work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.core.settings import Settings
from streams.exports.ocsf import Json

SECRET: Final = "s3cr3t"  # noqa: S105 (made up: the suite looks for it in what an outlet prints)


@dataclass(frozen=True)
class TrialDestination:
    """The destination of an outlet in a test. Use SECRET for every secret in `target`, `broken` or the settings."""

    target: str
    """An option's value that works."""
    settings: Settings
    received: Callable[[], list[Json]]
    """Returns the findings received so far, in order."""
    broken: tuple[str, Settings]
    """A well-formed target that rejects findings, with its settings."""
    wrong: tuple[str, ...] = ()
    """Invalid targets; the empty one is tried for every outlet."""
