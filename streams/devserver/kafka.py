"""A real Apache Kafka for tests and `make kafka`: jars from Maven Central, one KRaft node on the loopback interface.

`python -m streams.devserver.kafka` runs it until Ctrl-C; `--fetch` only fetches the jars. The version stands in `deploy/kafka/pom.xml`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import IO, Final, Self
from zlib import crc32

import click
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.core.errors import BrokerUnavailableError, MissingToolError
from streams.core.exit_codes import exit_code
from streams.core.output import echo
from streams.core.repository import ROOT

SETUP = ROOT / "deploy" / "kafka"
MIN_JAVA_VERSION = 17

_MAX_START_SECONDS = 60.0
_TOOLS: Final = {"kafka-acls.sh": "org.apache.kafka.tools.AclCommand", "kafka-configs.sh": "kafka.admin.ConfigCommand"}
_SHORT: Final = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options of a Java that runs for a second."""
_MAX_STOP_SECONDS = 30.0
_CLUSTER_ID = "hydrometer-local-node-0"  # any 22 characters of base64; a data directory belongs to one id


class ApacheKafka:
    """One Kafka node: `with ApacheKafka(directory) as kafka: ... kafka.bootstrap`.

    The directory holds its data, configuration and log; a second start with the same directory finds its topics again.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        properties: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        client: Mapping[str, object] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """Prepare a node on this port of 127.0.0.1, or on a free one.

        Args:
            directory: Where it keeps its data, configuration and log.
            port: Its port; 0 for a free one, `$port` in `properties`.
            properties: Further lines of its configuration; they count more than ours.
            users: Users who log in by SCRAM-SHA-512, and their passwords.
            client: How a client of kafka-python reaches it, to see when it answers.
            host: The address on which `properties` make it listen.
        """
        self._properties = dict(properties or {})
        self._users = dict(users or {})
        self._client = dict(client or {})
        self.directory = directory.resolve()
        self.host, self.port = host, port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Return the address for clients, `host:port`."""
        return f"{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        """Return the path of the broker's log."""
        return self.directory / "broker.log"

    def __enter__(self) -> Self:
        """Fetch, format and start the broker, and wait until it answers.

        Raises MissingToolError without Java or Maven, BrokerUnavailableError when the broker does not start.
        """
        java, jars = find_java(), fetch()
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self._configure()
        with self.log.open("ab") as log:
            if subprocess.call(_java(java, jars, "kafka.tools.StorageTool", *_format(config, self._users)), stdout=log, stderr=log):
                raise self._failed("could not be formatted")
            self._process = _start(_java(java, jars, "kafka.Kafka", str(config)), log)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the broker."""
        self.stop()

    def wait(self) -> None:
        """Block while the broker runs. Raises BrokerUnavailableError when it stops by itself."""
        while self._process is not None:
            if self._process.poll() is not None:
                raise self._failed("stopped by itself")
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop the broker cleanly, or kill it when it does not stop within 30 s."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_MAX_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _configure(self) -> Path:
        values = {"port": self.port, "controller": _free_port(), "data": self.directory / "data"}
        config = self.directory / "server.properties"
        lines = [(SETUP / "server.properties").read_text(), *(f"{name}={value}" for name, value in self._properties.items())]
        config.write_text(Template("\n".join(lines)).safe_substitute(values))
        config.chmod(0o600)
        return config

    def _wait(self) -> None:
        give_up = time.monotonic() + _MAX_START_SECONDS
        while time.monotonic() < give_up:
            if self._process is None or self._process.poll() is not None:
                raise self._failed("stopped while it was starting")
            if _listens(self.host, self.port) and _answers({"bootstrap_servers": self.bootstrap, **self._client}):
                return
            time.sleep(0.2)
        raise self._failed(f"did not answer within {_MAX_START_SECONDS:.0f} s")

    def _failed(self, what: str) -> BrokerUnavailableError:
        lines = self.log.read_text(errors="replace").splitlines()
        last = next((line for line in reversed(lines) if " ERROR " in line or " FATAL " in line), lines[-1] if lines else "no log")
        return BrokerUnavailableError(f"Apache Kafka {what}: {last[:200]} (more in {self.log})")


def tools(directory: Path) -> Path:
    """Write Kafka's own commands for users and access lists, as its distribution has them in `bin`, and return their directory.

    Raises MissingToolError without Java or Maven.
    """
    java, jars = find_java(), fetch()
    directory.mkdir(parents=True, exist_ok=True)
    for name, main in _TOOLS.items():
        command = shlex.join(_java(java, jars, main, options=_SHORT))
        (directory / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (directory / name).chmod(0o755)
    return directory


def version() -> str:
    """Return the version of Apache Kafka that the pom pins."""
    found = ET.parse(SETUP / "pom.xml").find(".//{*}kafka.version")  # noqa: S314 - our own file
    return str(found.text) if found is not None else ""


def marker() -> str:
    """Return the name of the file that is written once all jars of this pom are there."""
    return f".complete-{crc32((SETUP / 'pom.xml').read_bytes()):08x}"


def fetch() -> Path:
    """Return the directory of the broker's jars, fetched with Maven when it does not exist yet.

    Raises:
        MissingToolError: Maven is not installed.
        BrokerUnavailableError: Maven cannot fetch the jars.
    """
    directory = ROOT / "build" / "kafka" / version()
    complete = directory / marker()
    if complete.exists():
        return directory
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingToolError("Maven is not installed, and Kafka's jars are not fetched yet: install it (Debian: apt-get install maven)")
    command = [maven, "-q", "-B", "-ntp", "-f", str(SETUP / "pom.xml"), "dependency:copy-dependencies"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["no reason given"]
        raise BrokerUnavailableError(f"Maven could not fetch Apache Kafka {version()}: {lines[0][:300]}")
    complete.touch()
    return directory


def find_java() -> str:
    """Return the path of a Java that can run the broker. Raises MissingToolError without one."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    advice = f"install Java {MIN_JAVA_VERSION} or newer (Debian: apt-get install openjdk-17-jre-headless)"
    if java is None:
        raise MissingToolError(f"Java is not installed{' in JAVA_HOME' if home else ''}: {advice}")
    java_version = subprocess.run([java, "-version"], check=False, capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', java_version)
    if found is None or int(found[1]) < MIN_JAVA_VERSION:
        raise MissingToolError(f"{java} is {java_version.splitlines()[0] if java_version else 'not a working Java'}: {advice}")
    return java


def _java(java: str, jars: Path, main: str, *arguments: str, options: Sequence[str] = ("-Xms128m", "-Xmx512m")) -> list[str]:
    return [java, *options, f"-Dlog4j2.configurationFile={SETUP / 'log4j2.properties'}", "-cp", f"{jars}/*", main, *arguments]


def _format(config: Path, users: Mapping[str, str]) -> tuple[str, ...]:
    scram = [word for name, password in users.items() for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")]
    return ("format", "--cluster-id", _CLUSTER_ID, "--config", str(config), "--ignore-formatted", *scram)


def _start(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the broker in its own session: only this process gets Ctrl-C, and then stops the broker in order."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0


def _answers(client: Mapping[str, object]) -> bool:
    try:
        admin = KafkaAdminClient(**client, bootstrap_timeout_ms=2_000, request_timeout_ms=2_000)
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


def _run(directory: Path, port: int) -> None:
    with ApacheKafka(directory, port) as kafka:
        echo(f"Apache Kafka {version()} answers on {kafka.bootstrap}, data in {kafka.directory}; Ctrl-C stops it")
        kafka.wait()


@click.command()
@click.option("--fetch", "only_fetch", is_flag=True, help="Only fetch the jars, and check that Java can run them.")
@click.option("--port", default=9092, show_default=True, help="Port on 127.0.0.1.")
@click.option("--data", type=click.Path(path_type=Path), default=ROOT / "build" / "kafka" / "data", help="Where it keeps its data.")
def main(*, only_fetch: bool, port: int, data: Path) -> None:
    """Run one Apache Kafka node until Ctrl-C."""
    sys.exit(exit_code(lambda: (find_java(), fetch()) if only_fetch else _run(data, port)))


if __name__ == "__main__":
    main()
