"""Copies of this checkout in which a generator may write, and what Python says in one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from streams.core.repository import ROOT


def copied(folder: Path, *rooms: str) -> Path:
    """Copy folders of this checkout, what is compiled of them too, to the same places below another folder.

    Args:
        folder: Where the copy is made.
        rooms: Folders by their path in the checkout, as `streams`.

    Returns:
        `folder`.
    """
    for room in rooms:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("node_modules", "*.pyc.*"))
    return folder


def python(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a checkout and return what it said. pytest loads none of the installed plugins: it would read them for a second."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False)
