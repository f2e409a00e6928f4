"""`hydrometer` as a process of its own, for tests that attack it: what it logs, how large it grows, whether it still runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.core.errors import BrokerUnavailableError
from streams.core.settings import Settings
from streams.kafka import progress
from streams.schema import topics

STARTS_WITHIN_SECONDS: Final = 60.0
READS_WITHIN_SECONDS: Final = 120.0
_STOPS_WITHIN_SECONDS = 30.0

StartedInFolder = Callable[[Path, Mapping[str, str]], AbstractContextManager[str]]
"""From a folder with a program's configuration, and variables for its environment, to its address. It is ready, and ends with the block."""


@dataclass(frozen=True)
class Running:
    """A process and the file of all that it printed."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def peak_mb(self) -> float:
        """The most memory that it has held at a time."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def hydrometer(*words: str, log: Path, **variables: str) -> Iterator[Running]:
    """Run `hydrometer` with these arguments, in local mode unless `MODE` says otherwise, and end it with the context.

    Args:
        words: Arguments, as `"-v", "collect", "--topic"`.
        log: Where standard output and standard error go.
        variables: Settings without their prefix, as `KAFKA="127.0.0.1:9092"`.
    """
    own = {"MODE": "local", "METRICS_PORT": "0", **variables}
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HYDROMETER_")}
    env = plain | {f"HYDROMETER_{name}": value for name, value in own.items()}
    with log.open("wb") as written:
        process = subprocess.Popen([sys.executable, "-m", "streams", *words], env=env, stdout=written, stderr=written)
    try:
        yield Running(process, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send a body and return the status of the answer. Raises OSError when nobody answers."""
    try:
        request = urllib.request.Request(url, body, dict(headers))  # noqa: S310  (our own process)
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_for_health(port: int, seconds: float = STARTS_WITHIN_SECONDS) -> float:
    """Return how many seconds it took until the intake of a port answered `/healthz`. Raises TimeoutError."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return time.monotonic() - began
    raise TimeoutError(f"nobody answers on port {port}")


def wait_until_read(settings: Settings, reader: str, *names: str, running: Running, seconds: float = READS_WITHIN_SECONDS) -> None:
    """Wait until a reader has acknowledged every record that these topics hold now. Raises TimeoutError, AssertionError when it ended.

    A lag of nothing would not do: a partition of which nothing was ever acknowledged has no lag.

    Args:
        settings: Where the broker is.
        reader: One of `topics.READERS`.
        names: Topics that it reads.
        running: The process that reads.
        seconds: How long it may take.
    """
    give_up, ends = time.monotonic() + seconds, topics.ends(settings, names)
    while time.monotonic() < give_up:
        if not running.runs:
            raise AssertionError(running.log.read_text()[-2_000:])
        with suppress(BrokerUnavailableError):  # until the group has a coordinator
            if progress.passed(settings, topics.group_of(reader), ends):
                return
        time.sleep(0.5)
    raise TimeoutError(f"{reader} has not read all of {', '.join(names)}; {running.log.read_text()[-2_000:]}")
