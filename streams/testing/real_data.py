"""Real data that lies beside the checkout and never in it: where a test finds it, and when it is skipped."""

from __future__ import annotations

import os
from pathlib import Path


def real_data(path: str) -> Path | None:
    """Return a file or folder of real data, which lies beside the checkout (HYDROMETER_SHARED, else `../shared`) and never in it.

    Returns:
        None where the whole folder is absent: a test that needs it is skipped.

    Raises:
        FileNotFoundError: The folder is there without the path. A test skipped for a path that was misspelt would never run.
    """
    folder = Path(os.environ.get("HYDROMETER_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    if not folder.is_dir():
        return None
    if not (folder / path).exists():
        raise FileNotFoundError(f"{folder} has no {path}: complete it, or set HYDROMETER_SHARED to a folder that does not exist")
    return folder / path
