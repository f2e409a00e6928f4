"""The code of another git revision, run as a program of its own. Only `hydrometer replay --compare` needs git."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from streams.core.errors import MissingToolError, SettingsError
from streams.core.repository import ROOT

"""Where this code lies: a git checkout, or a folder of packages."""
_REPLAY: Final = "streams/replay/run.py"
_HOMES: Final = (_REPLAY, "streams/replay.py")
"""Where replay lies, now and before the rooms (0.1)."""


class Revision:
    """A commit of the repository that this code was checked out from."""

    def __init__(self, name: str, root: Path = ROOT) -> None:
        """Look up what a person wrote (`main`, `HEAD~1`, `v0.1.0`, a hash).

        Raises MissingToolError without git, SettingsError when `root` is no checkout or has no such revision.
        """
        self._root = root
        self._git("ls-files", "--error-unmatch", _REPLAY, otherwise=f"--compare needs a git checkout of Hydrometer, which {root} is not")
        unknown = f"--compare {name}: {root} has no such revision; `git log --oneline` lists some, `git fetch` brings others"
        commit = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", otherwise=unknown)
        self.name = name
        self.commit = commit.decode().strip()

    @property
    def short(self) -> str:
        """Return the beginning of its hash: the name of its folder of results."""
        return self.commit[:10]

    def replay(self, arguments: Sequence[str]) -> None:
        """Run `hydrometer replay` of that revision with this environment, and take its code away again.

        Raises SettingsError when it has no `replay`, or with the last line of what it said when it fails.
        """
        with self._laid_out() as folder:
            path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
            command = [sys.executable, "-P", "-m", "streams", "replay", *arguments]  # -P: the present directory may hold our own code
            ended = subprocess.run(command, check=False, capture_output=True, env={**os.environ, "PYTHONPATH": path})
            old = not any((folder / home).is_file() for home in _HOMES)
        message = _last_line(ended.stderr).removeprefix("error: ") or f"exit code {ended.returncode}"
        if ended.returncode and (old or message.startswith("No such command 'replay'")):
            raise SettingsError(f"--compare {self.name} ({self.short}) is too old: it has no `hydrometer replay`")
        if ended.returncode:
            raise SettingsError(f"--compare {self.name} ({self.short}): its replay failed: {message}")

    @contextmanager
    def _laid_out(self) -> Iterator[Path]:
        """Give the revision's files in a folder that goes away with the block."""
        packed = self._git("archive", "--format=tar", self.commit, otherwise=f"--compare {self.name}: git cannot read it")
        with tempfile.TemporaryDirectory(prefix="hydrometer-revision-") as folder:
            with tarfile.open(fileobj=io.BytesIO(packed)) as files:
                files.extractall(folder, filter="data")
            yield Path(folder)

    def _git(self, *words: str, otherwise: str) -> bytes:
        git = shutil.which("git")
        if git is None:
            raise MissingToolError("git is not installed: --compare needs it, replay without --compare does not")
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # a hook's would point elsewhere
        ended = subprocess.run([git, "-C", str(self._root), *words], check=False, capture_output=True, env=env)
        if ended.returncode:
            message = _last_line(ended.stderr)
            raise SettingsError(f"{otherwise} ({message})" if message else otherwise)
        return ended.stdout


def _last_line(output: bytes) -> str:
    return next((line.strip() for line in reversed(output.decode("utf-8", "replace").splitlines()) if line.strip()), "")
