"""Where the checkout of this repository is: commands that write or measure code, and the broker of tests, work in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
