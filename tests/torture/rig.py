"""Real processes on a real Kafka, to be frozen, hung and killed: a broker, ClickHouse, `collect`, and any number of workers.

Every wait is for progress: it fails when nothing has moved for `PATIENCE` seconds, however slow the machine is.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from clickhouse_driver import Client
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.clickhouse import migrate
from streams.core.errors import BrokerUnavailableError
from streams.core.settings import SECRETS, Settings
from streams.devserver.kafka import ApacheKafka
from streams.devserver.process import LocalClickHouse, local_server
from streams.kafka import progress
from streams.schema import topics

HERE = Path(__file__).resolve().parent
PATIENCE = 150.0
"""Seconds without any progress after which a wait fails."""
USER = "hydrometer"


class StuckError(Exception):
    """Nothing moves any more."""


class Process:
    """One process of the product: started, frozen, killed, stopped. Its log is `<folder>/<name>.log`."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], folder: Path) -> None:
        """Start it."""
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        """Return the process's number."""
        return self._child.pid

    @property
    def code(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._child.poll()

    def freeze(self) -> None:
        """Stop its clock: SIGSTOP."""
        self._child.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash does."""
        self._child.kill()
        self._child.wait()

    def stop(self, seconds: float = 90.0) -> tuple[int, float]:
        """Stop it as a supervisor does, and return its exit code and how long that took, in seconds."""
        began = time.monotonic()
        with suppress(ProcessLookupError):
            self._child.send_signal(signal.SIGTERM)
        return self._child.wait(seconds), time.monotonic() - began

    @property
    def memory(self) -> float:
        """Return its resident memory in MB; 0 once it has ended."""
        with suppress(OSError):
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return 0.0

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time that it has taken; 0 once it has ended."""
        return cpu_seconds(self.pid)

    @property
    def pauses(self) -> list[float]:
        """Return for how many seconds it had no partition of `accounts`, in each rebalance since it first had one."""
        seconds, since = list[float](), None
        for line in self.log.read_text(errors="replace").splitlines():
            if "Revoking previously assigned partitions" in line and line.endswith("hydrometer-accounts"):
                since = since or datetime.fromisoformat(line[:23].replace(",", "."))
            elif "hydrometer-accounts: this worker owns partitions" in line and since:
                seconds.append((datetime.fromisoformat(line[:23].replace(",", ".")) - since).total_seconds())
                since = None
        return seconds[1:]

    @property
    def lines(self) -> int:
        """Count the lines of its log."""
        return len(self.log.read_text(errors="replace").splitlines())

    def said(self, words: str) -> int:
        """Count the lines of its log that contain these words."""
        return sum(words in line for line in self.log.read_text(errors="replace").splitlines())


class Rig:
    """One broker, one ClickHouse, and the processes started here; all of them end with the context."""

    def __init__(self, directory: Path, partitions: int = 2, checkpoint: float = 2.0, host: str = "127.0.0.1") -> None:
        """Keep everything in `directory`. host: the address under which the broker is reached."""
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.partitions, self._checkpoint = partitions, checkpoint
        self._host = host
        self.options: dict[str, dict[str, object]] = {}
        """Settings of single processes, by name ..."""
        self.environments: dict[str, dict[str, str]] = {}
        """... variables of their environment, and ..."""
        self.commands: dict[str, list[str]] = {}
        """... what comes before their command."""
        self.processes: list[Process] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the broker and ClickHouse, and make topics and tables."""
        with ExitStack() as stack:
            listens = f"PLAINTEXT://{self._host}:$port"
            properties = {"listeners": f"{listens},CONTROLLER://127.0.0.1:$controller", "advertised.listeners": listens}
            self.kafka = stack.enter_context(ApacheKafka(self.directory / "kafka", properties=properties, host=self._host))
            self.password = "only-for-this-trial"
            self.clickhouse: LocalClickHouse = stack.enter_context(
                local_server(self.directory / "clickhouse", user=USER, password=self.password)
            )
            self.settings = Settings.model_validate(self._values() | {"state_dir": self.directory / "state"})
            topics.ensure(self.settings)
            migrate.run(self.settings)
            stack.callback(self._end)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End everything."""
        self._stack.close()

    def worker(self, name: str, *agents: str, state: str | None = None) -> Process:
        """Start a worker with a state folder of its own (that of `state`, when named)."""
        command = [sys.executable, str(HERE / "worker.py"), str(self.loaded(name)), *(agents or ("accounts", "store"))]
        return self._start(name, command, self.directory / f"state-{state or name}")

    def loaded(self, name: str) -> Path:
        """Return where a worker writes down the state that it loads."""
        return self.directory / f"loaded-{name}"

    def collect(self, name: str = "collect", port: int | None = None) -> tuple[Process, str]:
        """Start `collect --http`, wait until it is ready, and return it with its address."""
        port = port or free_port()
        command = [sys.executable, "-m", "streams", "collect", "--http", f"127.0.0.1:{port}"]
        process = self._start(name, command, self.directory / "state-collect")
        self.wait_for(lambda: _healthy(port), what="collect to answer")
        return process, f"http://127.0.0.1:{port}"

    def pids(self) -> dict[str, int]:
        """Return the numbers of the broker's process and of ClickHouse's."""
        return {"broker": self._broker().pid, "clickhouse": self.clickhouse.pid}

    def disk_bytes(self) -> dict[str, int]:
        """Return the bytes on disk of the topic `requests`, of changelogs, of the other topics, and of ClickHouse's tables."""
        sizes = dict.fromkeys(("requests", "changelogs", "other topics", "clickhouse"), 0)
        for log in (self.directory / "kafka").rglob("*.log"):
            topic = log.parent.name.rpartition("-")[0]
            if not topic.startswith("__"):
                kind = "requests" if topic == topics.REQUESTS else "changelogs" if topic.endswith("-changelog") else "other topics"
                sizes[kind] += log.stat().st_size if topic else 0
        with self.connected() as client:
            ((sizes["clickhouse"],),) = client.execute(
                "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
            )
        return sizes

    def freeze_broker(self) -> None:
        """Stop the broker's clock."""
        self._broker().send_signal(signal.SIGSTOP)

    def wake_broker(self) -> None:
        """Let the broker go on."""
        self._broker().send_signal(signal.SIGCONT)

    def _broker(self) -> subprocess.Popen[bytes]:
        assert self.kafka._process is not None
        return self.kafka._process

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """Connect to ClickHouse while the context lasts."""
        client = Client("127.0.0.1", self.clickhouse.port, user=USER, password=self.password, database="hydrometer")
        try:
            yield client
        finally:
            client.disconnect()

    def lag(self, agent: str, topic: str = topics.REQUESTS) -> int:
        """Return how many records of a topic an agent has not acknowledged; -1 before it has acknowledged any of each partition."""
        behind = self.lags(agent).get(topic, {})
        return sum(behind.values()) if len(behind) == self.partitions else -1

    def lags(self, agent: str) -> dict[str, dict[int, int]]:
        """Return how many records an agent has not acknowledged, by topic and partition; nothing when the broker does not answer."""
        with suppress(BrokerUnavailableError, KafkaError):
            return progress.lag(self.settings, topics.group_of(agent))
        return {}

    def waiting(self, agent: str) -> int:
        """Return how many records wait for an agent, over all its topics; -1 while nobody knows."""
        behind = self.lags(agent)
        return sum(sum(partitions.values()) for partitions in behind.values()) if behind else -1

    def acknowledged(self, agent: str) -> dict[int, int]:
        """Return the next offset of `requests` that an agent would read, by partition."""
        with suppress(KafkaError), closing(KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)) as admin:
            group = topics.group_of(agent)
            offsets = admin.list_group_offsets({group: None})[group]
            return {place.partition: done.offset for place, done in offsets.items() if place.topic == topics.REQUESTS}
        return {}

    def wait_for(
        self, done: Callable[[], bool], progress: Callable[[], object] = lambda: None, *, what: str, patience: float = PATIENCE
    ) -> float:
        """Return, after how many seconds, once `done` holds. Raises StuckError when `progress` has not changed for `patience` seconds."""
        began = moved = time.monotonic()
        last = progress()
        while not done():
            time.sleep(0.5)
            now, seen = time.monotonic(), progress()
            if seen != last:
                last, moved = seen, now
            if now - moved > patience:
                raise StuckError(f"waited for {what}: nothing moved for {patience:.0f} s (last: {last})")
        return time.monotonic() - began

    def settle(self, *agents: str) -> None:
        """Wait until these agents have acknowledged all of `requests`."""
        for agent in agents:
            self.wait_for(partial(self._is_done, agent), partial(self.lag, agent), what=f"{agent} to catch up")

    def _is_done(self, agent: str) -> bool:
        return self.lag(agent) == 0

    def _start(self, name: str, command: list[str], state: Path) -> Process:
        values = self._values() | {"state_dir": state} | self.options.get(name, {})
        env = {f"HYDROMETER_{key.upper()}": str(value) for key, value in values.items()} | self.environments.get(name, {})
        command = [*self.commands.get(name, ()), *command]
        process = Process(name, command, {**os.environ, **env, "PYTHONUNBUFFERED": "1"}, self.directory)
        self.processes.append(process)
        return process

    def _values(self) -> dict[str, object]:
        secrets = {name: f"only-for-this-trial-{name}" for name in SECRETS} | {"clickhouse_password": self.password}
        secrets["signing_key"] = "only-for-this-trial-signing_key"
        places = {"kafka": self.kafka.bootstrap, "clickhouse_port": self.clickhouse.port, "clickhouse_user": USER}
        return {
            "partitions": self.partitions,
            "replication": 1,
            "checkpoint_seconds": self._checkpoint,
            "metrics_port": 0,
            **places,
            **secrets,
        }

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.clickhouse.pid, signal.SIGCONT)
            self.wake_broker()
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.wake()
            process.kill()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has taken; 0 once it has ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
