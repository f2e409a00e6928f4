"""Programs of others that are built from Go modules, once, outside of the checkout: what tests and checks run of them is the real thing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hydrometer"
"""Where programs stay from one checkout to the next."""
_BUILD_SECONDS: Final = 1500.0


class GoBuildError(Exception):
    """A program could not be built: Go or a module is not at hand."""


def installed(package: str, folder: Path) -> Path:
    """Return a Go program at its version, built once.

    Args:
        package: Path and version, as `helm.sh/helm/v3/cmd/helm@v3.22.0`.
        folder: Where it is kept, a folder a version.

    Raises:
        GoBuildError: Go or a module is not at hand.
    """
    path, _, version = package.partition("@")
    program = folder / version / path.rpartition("/")[2]
    if not program.exists():
        run("go", "install", "-ldflags=-w", package, GOBIN=str(program.parent), GOFLAGS="-mod=mod")
    return program


def run(*command: str | Path, **environment: str) -> str:
    """Run a command and return what it printed. Raises GoBuildError with the end of it when it fails or is not installed."""
    words = list(map(str, command))
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_BUILD_SECONDS, env={**os.environ, **environment})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GoBuildError(f"{words[0]} does not run ({type(error).__name__})") from error
    if done.returncode:
        raise GoBuildError(f"{' '.join(words[:3])} failed: {(done.stdout + done.stderr)[-500:]}")
    return done.stdout
