"""What the contract suite of outlets needs of each: a real destination, and targets that do not work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.core.settings import Settings
from streams.exports.ocsf import Json

SECRET: Final = "s3cr3t"  # noqa: S105 (made up: the suite looks for it in what an outlet prints)


@dataclass(frozen=True)
class Destination:
    """Where an outlet delivers to in a test. Put SECRET wherever `target`, `broken` or the settings carry one."""

    target: str
    """An option's value that works."""
    settings: Settings
    received: Callable[[], list[Json]]
    """What the destination has so far, in order."""
    broken: tuple[str, Settings]
    """A target that is well formed and rejects findings, with its settings."""
    wrong: tuple[str, ...] = ()
    """Targets that cannot work; the empty one is tried for every outlet."""
