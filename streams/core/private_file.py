"""Small files that only this user may read, and that are never seen half written."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_SECRET_BYTES: Final = 32


def owner_only(path: str, flags: int) -> int:
    """Open a file that only this user may read, if it is made: an opener for `open`. Raises OSError."""
    return os.open(path, flags, 0o600)


def write_private(path: Path, text: str) -> None:
    """Replace a file's text at once, readable by this user alone; make its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(fresh).replace(path)
    except OSError:
        Path(fresh).unlink(missing_ok=True)
        raise


def draw_secret(path: Path) -> bool:
    """Write a random secret, readable by this user alone, unless the file is there; return whether it was written.

    Of several processes that do it at once the first one's counts, whole. Makes the folder. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    with open(fresh, "x", encoding="utf-8", opener=owner_only) as file:
        file.write(secrets.token_hex(_SECRET_BYTES))
    try:
        with suppress(FileExistsError):
            os.link(fresh, path)
            return True
        return False
    finally:
        fresh.unlink()
