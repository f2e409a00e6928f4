"""Apache Kafka with TLS, SCRAM users and access lists: each role's least rights are enough, and whatever is wrong fails in one line."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.backup import run
from streams.cases import labels
from streams.clickhouse import migrate
from streams.clickhouse.client import connected
from streams.core.errors import BrokerUnavailableError
from streams.core.settings import SECRETS, Settings, variable_of
from streams.devserver.kafka import ApacheKafka, tools
from streams.devserver.process import local_server
from streams.exports.forward import Destination, forward
from streams.exports.outlets.file import Outlet as File
from streams.intake.block_producer import send_files
from streams.kafka import progress
from streams.schema import access, topics
from streams.testing.builders import driver
from streams.testing.certificates import Authority
from streams.worker.app import AGENTS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]

NAMES = (access.OPERATOR, *(role.name for role in access.ROLES))
ACLS = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "acls.sh"
PASSWORDS = {name: secrets.token_hex(16) for name in ("admin", *NAMES)}
KEYS = {**{name: f"only-for-this-test-{name}" for name in SECRETS}, "signing_key": "only-for-this-test-signing"}


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    authority: Authority
    port: int
    expired_port: int
    misnamed_port: int

    def settings(self, user: str, **changed: Any) -> Settings:
        given = {
            "kafka": f"localhost:{self.port}",
            "kafka_security_protocol": "SASL_SSL",
            "kafka_ssl_cafile": self.authority.cafile,
            "kafka_sasl_username": user,
            "kafka_sasl_password": PASSWORDS[user],
            "replication": 1,
            "metrics_port": 0,
            **KEYS,
        }
        return Settings.model_validate({**given, **changed})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One broker with a valid certificate on one port, an expired one on another, and one of another name on a third."""
    folder = tmp_path_factory.mktemp("secure")
    authority = Authority(folder / "ca")
    files = {
        "SASL_SSL": authority.issue("localhost"),
        "EXPIRED": authority.issue("localhost", expired=True),
        "MISNAMED": authority.issue("kafka.example"),
    }
    port, expired, misnamed = free_port(), free_port(), free_port()
    ports = {"SASL_SSL": port, "EXPIRED": expired, "MISNAMED": misnamed}
    login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="{PASSWORDS["admin"]}";'
    properties = {
        "listeners": ",".join([*(f"{name}://127.0.0.1:{number}" for name, number in ports.items()), "CONTROLLER://127.0.0.1:$controller"]),
        "advertised.listeners": ",".join(f"{name}://localhost:{number}" for name, number in ports.items()),
        "listener.security.protocol.map": ",".join([*(f"{name}:SASL_SSL" for name in ports), "CONTROLLER:PLAINTEXT"]),
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.cafile),
    }
    for name, file in files.items():
        listener = f"listener.name.{name.lower()}"
        properties |= {f"{listener}.ssl.keystore.type": "PEM", f"{listener}.ssl.keystore.location": str(file)}
        properties |= {f"{listener}.scram-sha-512.sasl.jaas.config": login}
    found = Cluster(authority, port, expired, misnamed)
    client = {**topics.client_options(found.settings("admin")), "bootstrap_servers": f"localhost:{port}"}
    with ApacheKafka(folder / "kafka", port, properties, {"admin": PASSWORDS["admin"]}, client):
        run_acls(folder, authority, port)
        topics.ensure(found.settings(access.OPERATOR))
        yield found


def run_acls(folder: Path, authority: Authority, port: int) -> None:
    """Run `deploy/kafka/acls.sh` as an operator does, with Kafka's own commands; the users' passwords are files that exist."""
    passwords, admin = folder / "passwords", folder / "admin.properties"
    passwords.mkdir()
    for name in NAMES:
        (passwords / name).write_text(PASSWORDS[name] + "\n")
    login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="{PASSWORDS["admin"]}";'
    lines = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": login,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.cafile),
    }
    admin.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    where = {"KAFKA_BIN": str(tools(folder / "bin")), "BOOTSTRAP": f"localhost:{port}", "ADMIN": str(admin), "PASSWORDS": str(passwords)}
    done = subprocess.run(["bash", str(ACLS)], env={**os.environ, **where}, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not any(password in done.stdout + done.stderr for password in PASSWORDS.values())


def refused(settings: Settings) -> str:
    with pytest.raises(BrokerUnavailableError) as caught:
        topics.missing(settings)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_a_wrong_password_is_told_in_one_line_that_names_the_settings(cluster: Cluster) -> None:
    said = refused(cluster.settings("worker", kafka_sasl_password="a wrong password"))
    assert "does not let worker log in: check HYDROMETER_KAFKA_SASL_USERNAME and HYDROMETER_KAFKA_SASL_PASSWORD" in said


def test_an_expired_certificate_is_told_in_one_line(cluster: Cluster) -> None:
    assert "has a certificate that has expired: renew it" in refused(cluster.settings("worker", kafka=f"localhost:{cluster.expired_port}"))


def test_a_certificate_of_another_name_is_told_in_one_line(cluster: Cluster) -> None:
    said = refused(cluster.settings("worker", kafka=f"localhost:{cluster.misnamed_port}"))
    assert "has a certificate of another name than localhost: address it by the name in its certificate" in said


def test_an_unknown_authority_is_told_in_one_line(cluster: Cluster, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority").cafile
    said = refused(cluster.settings("worker", kafka_ssl_cafile=other))
    assert "has a certificate of an unknown authority: set HYDROMETER_KAFKA_SSL_CAFILE" in said


def test_a_file_of_certificates_that_is_none_is_named(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    assert "HYDROMETER_KAFKA_SSL_CAFILE" in refused(cluster.settings("worker", kafka_ssl_cafile=tmp_path / "ca.pem"))


@pytest.mark.parametrize("command", [["worker", "accounts"], ["topics"]])
def test_a_process_with_a_wrong_password_ends_with_one_line(cluster: Cluster, command: list[str]) -> None:
    settings = cluster.settings("worker", kafka_sasl_password="a wrong password")
    done = subprocess.run(
        [sys.executable, "-m", "streams", *command], env=environment(settings), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "does not let worker log in" in done.stderr


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("gateway", topics.REQUESTS),
        ("collect", topics.LABELS),
        ("collect", topics.FEEDBACK),
        ("worker", topics.REQUESTS),
        ("worker", topics.LABELS),
        ("store", topics.CASES),
        ("analyst", topics.CASES),
        ("exporter", topics.ALERTS),
        ("operator", topics.LABELS),
        ("backup", topics.REQUESTS),
    ],
)
def test_a_role_that_writes_to_a_topic_of_another_is_refused(cluster: Cluster, user: str, topic: str) -> None:
    producer = KafkaProducer(**topics.client_options(cluster.settings(user)), acks="all", max_block_ms=10_000)
    with closing(producer), pytest.raises(KafkaError) as caught:
        producer.send(topic, b"forged", partition=0).get(timeout=10)
    assert "AuthorizationFailed" in repr(caught.value)


def test_a_refused_command_says_which_right_is_missing(cluster: Cluster) -> None:
    settings = cluster.settings("store")
    with pytest.raises(BrokerUnavailableError, match="does not allow this to store"), topics.answering(settings):
        labels.send(settings, labels.make("account", "a-1", "benign", "ada"))


def environment(settings: Settings) -> dict[str, str]:
    given = settings.model_dump(exclude_unset=True, exclude_none=True)
    plain = {name: value.get_secret_value() if hasattr(value, "get_secret_value") else value for name, value in given.items()}
    return {**os.environ, **{variable_of(name): str(value) for name, value in plain.items()}}


def test_with_the_least_rights_of_each_role_events_become_rows_labels_are_believed_and_all_is_saved(
    cluster: Cluster, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    now = time.time()
    events = [{"timestamp": now - 600 + number, "event.id": f"e-{number}", "account.id": f"a-{number % 5}"} for number in range(200)]
    log.write_bytes(b"".join(orjson.dumps({**event, "prompt": "count to ten"}) + b"\n" for event in events))
    with local_server(tmp_path / "clickhouse", user="hydrometer", password=KEYS["clickhouse_password"]) as server:
        common = {"clickhouse_port": server.port}
        migrate.run(cluster.settings("store", **common))
        worker = cluster.settings("worker", **common, state_dir=tmp_path / "worker", checkpoint_seconds=1.0)
        store = cluster.settings("store", **common, state_dir=tmp_path / "store")
        workers = {"worker": (worker, ["accounts", "groups", "cases"]), "store": (store, ["store"])}
        running = []
        for name, (settings, agents) in workers.items():
            with (tmp_path / f"{name}.log").open("wb") as out:
                command = [sys.executable, "-m", "streams", "worker", *agents]
                running.append(subprocess.Popen(command, env=environment(settings), stdin=subprocess.DEVNULL, stdout=out, stderr=out))
        try:
            assert send_files([log], cluster.settings("collect"))["accepted"] == 200
            labels.send(cluster.settings("analyst"), labels.make("account", "a-1", "benign", "ada"))
            wanted = [("requests", 200), ("labels", 1), ("scores", 5)]
            give_up = time.monotonic() + 150
            counts: dict[str, int] = {}
            while time.monotonic() < give_up and not all(counts.get(name, 0) >= least for name, least in wanted):
                time.sleep(2.0)
                assert all(process.poll() is None for process in running), (tmp_path / "worker.log").read_text()[-3000:]
                with driver(server) as client:
                    counts = {name: client.execute(f"SELECT count() FROM hydrometer.{name}")[0][0] for name, _ in wanted}  # noqa: S608
            assert all(counts[name] >= least for name, least in wanted), (counts, (tmp_path / "worker.log").read_text()[-3000:])
            assert progress.lag(cluster.settings(access.OPERATOR), topics.group_of(topics.CASES_AGENT))[topics.LABELS] == {0: 0}
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            ended = [process.wait(60) for process in running]
        assert ended == [0, 0]
        saver = cluster.settings("backup", **common, state_dir=tmp_path / "worker")
        with connected(saver) as clickhouse:
            saved = run.backup(saver, clickhouse, tmp_path / "backup", (), 60.0, lambda _: None)
        rows = {(file.kind, file.name): file.rows for file in saved.files}
        assert (rows["topic", topics.LABELS], rows["table", "requests"]) == (1, 200)
        assert rows["topic", topics.changelog(topics.ACCOUNTS_AGENT)] > 0
        assert {each.group for each in saved.offsets} >= {topics.group_of(agent) for agent in AGENTS}


@pytest.mark.parametrize("destination", [Destination(), Destination("soc", "alert")], ids=["cases", "alerts of a named one"])
def test_an_exporter_reads_with_its_rights_alone(cluster: Cluster, tmp_path: Path, destination: Destination) -> None:
    with (tmp_path / "findings.jsonl").open("wb") as out:
        assert forward(cluster.settings("exporter"), File(out, "out"), destination, once=True) == 0
