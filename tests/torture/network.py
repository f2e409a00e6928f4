"""Networks that fail: a namespace whose cable is pulled (Linux, root), and a door that lets bytes through slowly."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_CHUNK_BYTES: Final = 16 << 10


class Namespace:
    """A network namespace with one cable to this machine: `host` is our end of it. `command` runs a program inside."""

    def __init__(self) -> None:
        """Choose names and addresses that nobody else uses."""
        number = os.getpid() % 250
        self.name, self._cable = f"torture{os.getpid()}", f"tt{os.getpid()}"
        self.host, self._inside = f"10.213.{number}.1", f"10.213.{number}.2"

    def __enter__(self) -> Self:
        """Make the namespace and its cable."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("addr", "add", f"{self.host}/30", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        _ip("-n", self.name, "addr", "add", f"{self._inside}/30", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", self.name, "link", "set", device, "up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove both; nothing may run inside any more."""
        _ip("netns", "del", self.name)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._cable)

    def command(self) -> list[str]:
        """Return what to put before a command that runs inside."""
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        """Pull the cable: packets vanish, no connection is told."""
        _ip("link", "set", self._cable, "down")

    def heal(self) -> None:
        """Plug the cable in again."""
        _ip("link", "set", self._cable, "up")


def has_namespaces() -> bool:
    """Tell whether this machine lets us make namespaces."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Door:
    """A TCP port that passes bytes to another one, each piece after `delay` seconds."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """Open a door on `host` to this port of 127.0.0.1."""
        self._target, self.delay = port, 0.0
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inside, _ = self._listener.accept()
                outside = socket.create_connection(("127.0.0.1", self._target))
                for source, sink in ((inside, outside), (outside, inside)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_CHUNK_BYTES):
                time.sleep(self.delay)
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
