"""The whole system on this machine: a broker, ClickHouse's engine and workers, each a process of its own that ends with the context.

The demonstration and the end-to-end tests run this, so what the tests prove is what the demonstration shows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clickhouse_driver import Client

from streams.clickhouse import migrate
from streams.core.errors import HydrometerError
from streams.core.settings import Settings, variable_of
from streams.devserver.broker import EmbeddedBroker
from streams.devserver.process import LocalClickHouse, hand_over, local_server, password_of, stop
from streams.schema import topics


@dataclass(frozen=True)
class Ports:
    """Where the parts of a system listen; 0 is a free port."""

    kafka: int = 0
    native: int = 0
    """ClickHouse's native protocol."""
    http: int = 0
    """ClickHouse's HTTP interface."""


FREE_PORTS: Final = Ports()


@dataclass
class System:
    """A running system. Its files are in `folder`: `worker-<name>.log`, `clickhouse/`, `state/`."""

    folder: Path
    settings: Settings
    server: LocalClickHouse
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, agents: Sequence[str]) -> None:
        """Start a worker for these agents."""
        command = [sys.executable, "-m", "streams", "worker", *agents]
        with (self.folder / f"worker-{name}.log").open("ab") as log:
            self.workers[name] = subprocess.Popen(
                command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def environment(self) -> dict[str, str]:
        """Return the environment in which another process finds this system."""
        given = self.settings.model_dump(exclude_unset=True, exclude_none=True)
        words = {variable_of(name): _plain(value) for name, value in given.items()}
        return {**os.environ, **words}

    def check(self) -> None:
        """Raise HydrometerError when a worker has ended."""
        ended = [name for name, worker in self.workers.items() if worker.poll() is not None]
        if ended:
            raise HydrometerError(f"worker {ended[0]} has stopped: read {self.folder}/worker-{ended[0]}.log")

    def stop(self) -> None:
        """End the workers as a supervisor does: they write their state first."""
        for worker in self.workers.values():
            worker.terminate()
        for worker in self.workers.values():
            stop(worker)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Connect clickhouse-driver to the tables."""
        server = self.server
        client = Client(server.host, server.port, user=server.user, password=server.password, database=self.settings.clickhouse_database)
        try:
            yield client
        finally:
            client.disconnect()


@contextmanager
def local_system(folder: Path, kafka: str | None = None, ports: Ports = FREE_PORTS, **chosen: Any) -> Iterator[System]:
    """Run ClickHouse and, unless `kafka` names a broker, the embedded one; make topics and tables. Workers are started by the caller.

    `ports` are where they listen. `chosen` are further fields of `Settings`.

    Raises HydrometerError in one line when a part does not start. Nothing outlives the context.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        kafka = kafka or running.enter_context(EmbeddedBroker(ports.kafka)).bootstrap
        usual = Settings(mode="local", state_dir=folder / "state")
        password = running.enter_context(password_of(usual))
        listening = {"native_port": ports.native, "http_port": ports.http}
        server = running.enter_context(local_server(folder / "clickhouse", user=usual.clickhouse_user, password=password, **listening))
        hand_over(usual, password)
        settings = Settings(mode="local", kafka=kafka, clickhouse_port=server.port, state_dir=folder / "state", **chosen)
        migrate.run(settings)
        topics.ensure(settings)
        system = System(folder, settings, server)
        running.callback(system.stop)
        yield system


def _plain(value: Any) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
