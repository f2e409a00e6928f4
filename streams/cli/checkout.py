"""What every generator of files asks of the checkout that it writes into."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streams.core.errors import HydrometerError


def refuse_taken(paths: Iterable[Path]) -> None:
    """Check, before anything is written, that every path is free and its folder is there.

    Raises:
        HydrometerError: A path exists, or its folder does not: this is not a checkout.
    """
    for path in paths:
        if path.exists():
            raise HydrometerError(f"{path} exists: choose another name, or edit it")
        if not path.parent.is_dir():
            raise HydrometerError(f"{path.parent} is missing: run this in a checkout of the repository")
