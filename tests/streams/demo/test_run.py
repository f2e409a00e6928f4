"""The demonstration as a person runs it: it ends by itself with its table, and leaves no process and no port behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

TAG = "DEMONSTRATION_OF_THIS_TEST"
"""Every process of a demonstration inherits this variable, so that others on the machine are not taken for ours."""


class Demo:
    """`hydrometer demo` in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        self._mark = f"{TAG}={uuid4()}"
        self._log = folder / "said.txt"
        environment = {**os.environ, **dict([self._mark.split("=")])}
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "streams", "demo"]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, word: str, seconds: float = 60.0) -> None:
        give_up = time.monotonic() + seconds
        while word not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < give_up, self.said
            time.sleep(0.2)

    def processes(self) -> set[int]:
        """Return the processes of this demonstration that are alive."""
        return {pid for pid in _pids() if self._mark.encode() in _environment(pid)}

    def ports(self) -> set[int]:
        """Return the TCP ports on which they listen."""
        ours = {socket for pid in self.processes() for socket in _sockets(pid)}
        return {port for port, socket in _listening() if socket in ours}


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _sockets(pid: int) -> Iterator[str]:
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            name = str(link.readlink())
            if name.startswith("socket:["):
                yield name[len("socket:[") : -1]
    except OSError:
        return


def _listening() -> Iterator[tuple[int, str]]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                yield int(words[1].rpartition(":")[2], 16), words[9]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("looks for what is left behind in Linux's /proc")
    started = Demo(tmp_path)
    yield started
    for pid in started.processes():
        os.kill(pid, signal.SIGKILL)
    started.process.wait(10)


def test_it_ends_by_itself_with_its_cases_and_leaves_nothing_behind(demo: Demo) -> None:
    began = time.monotonic()
    demo.wait_for("3/4")
    ports = demo.ports()
    assert len(ports) >= 3, "a broker, and ClickHouse's two protocols"
    assert demo.process.wait(300) == 0, demo.said
    assert time.monotonic() - began < 180
    assert "True roles of the traffic" in demo.said
    for word in ("who", "why", "against", "if wrong", "next"):
        assert f"{word} " in demo.said
    assert "all: a campaign" in demo.said
    assert demo.processes() == set()
    assert ports.isdisjoint(port for port, _ in _listening())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_leaves_nothing_behind(demo: Demo, sent: signal.Signals) -> None:
    demo.wait_for("3/4")
    ports = demo.ports()
    assert len(demo.processes()) >= 5
    demo.process.send_signal(sent)
    assert demo.process.wait(60) == 128 + sent
    assert "Traceback" not in demo.said
    assert demo.processes() == set()
    assert ports.isdisjoint(port for port, _ in _listening())
