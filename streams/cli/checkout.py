"""What generators share: the checks before they write files into a checkout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streams.core.errors import HydrometerError


def refuse_taken(paths: Iterable[Path]) -> None:
    """Check, before anything is written, that every path is free and its folder exists.

    Raises:
        HydrometerError: A path exists, or its folder does not.
    """
    for path in paths:
        if path.exists():
            raise HydrometerError(f"{path} exists: choose another name, or edit it")
        if not path.parent.is_dir():
            raise HydrometerError(f"{path.parent} is missing: run this in a checkout of the repository")
