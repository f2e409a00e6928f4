"""At debug level, over the real processes: no secret and no text of a request is in anything that they print."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from kafka import KafkaProducer

from streams.cli.main import cli
from streams.core.settings import OPTIONAL_SECRETS, SECRETS, Settings
from streams.devserver.process import LocalClickHouse
from streams.schema import topics
from streams.testing.builders import embedded_broker, local_clickhouse
from streams.testing.processes import Running, free_port, hydrometer, post, wait_for_health

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MARKER = "quokka-7f3a-marker"
"""Planted wherever text of a request may stand."""
OWN = ("clickhouse_password", "intake_token")
KEYS = {name: hashlib.sha256(name.encode()).hexdigest() for name in (*SECRETS, *OPTIONAL_SECRETS) if name not in OWN}
"""A secret of its own for every field that holds one; a new field is planted from the day it exists."""
TOKEN = "quokka-token-5d21c0"
SERVES_SECONDS = 8.0
"""How long a process that serves until it is told to stop is listened to."""

LINE = f'{{"timestamp": %d, "event.id": "e1", "account.id": "a1", "prompt": "{MARKER}", "system_prompt": [{{"content": "{MARKER}"}}]}}'
STRANGE = (MARKER.encode(), f'{{"verdict": "{MARKER}", "note": "{MARKER}"}}'.encode(), b"")

COMMANDS = {
    "doctor": ("doctor",),
    "migrate": ("migrate",),
    "topics": ("topics",),
    "worker, accounts and groups": ("worker", "accounts", "groups"),
    "worker, cases": ("worker", "cases"),
    "worker, store": ("worker", "store"),
    "replay": ("replay", "{log}", "--out", "{folder}/out"),
    "collect of a file": ("collect", "{log}"),
    "label": ("label", "account", "a1", "benign", "--note", "an evaluation"),
    "case list": ("case", "list"),
    "export ocsf": ("export", "ocsf", "--webhook", "http://127.0.0.1:9/hook", "--once"),
    "export case": ("export", "case", "case-1", "--out", "{folder}/bundle"),
    "boards publish": ("boards", "publish"),
    "alerts run": ("alerts", "run", "--alertmanager", "http://127.0.0.1:9"),
}
FURTHER = {
    "account show": ("account", "show", "a1"),
    "alerts show": ("alerts", "show"),
    "backup": ("backup", "{folder}/backup", "--wait", "0"),
    "boards check": ("boards", "check"),
    "boards diff": ("boards", "diff"),
    "case exclude": ("case", "exclude", "case-0123456789ab", "a1"),
    "case hold": ("case", "hold", "case-0123456789ab", "--note", "proceedings"),
    "case merge": ("case", "merge", "case-0123456789ab", "case-ba9876543210"),
    "case release": ("case", "release", "case-0123456789ab"),
    "case show": ("case", "show", "case-0123456789ab"),
    "case split": ("case", "split", "case-0123456789ab", "payment:0123456789abcdef"),
    "case verify": ("case", "verify", "case-0123456789ab"),
    "dead-letters list": ("dead-letters", "list"),
    "dead-letters show": ("dead-letters", "show"),
    "desk": ("desk", "--port", "{port}"),
    "enforcement apply": ("enforcement", "apply", "--to", "webhook=http://127.0.0.1:9/hook"),
    "enforcement plan": ("enforcement", "plan", "--to", "kong={folder}/kong.yaml"),
    "enforcement rollback": ("enforcement", "rollback", "--to", "kong={folder}/kong.yaml"),
    "enforcement status": ("enforcement", "status", "--to", "kong={folder}/kong.yaml"),
    "enforcement stop": ("enforcement", "stop", "--to", "kong={folder}/kong.yaml"),
    "forensics record": ("forensics", "record", "case-1", "--released", "2026-11-20", "--model", "m", "--source", "s"),
    "export account": ("export", "account", "a1", "--out", "{folder}/a1.json"),
    "export stix": ("export", "stix", "case-0123456789ab", "--out", "{folder}/case.json"),
    "forget": ("forget", "a1", "--wait", "3"),
    "indicators fetch": ("indicators", "fetch", "http://127.0.0.1:9/api1/collections/c1/"),
    "indicators import": ("indicators", "import", "{log}"),
    "indicators list": ("indicators", "list"),
    "indicators remove": ("indicators", "remove", "ind-831412519b59"),
    "indicators sketch": ("indicators", "sketch", "{log}"),
    "keys history": ("keys", "history"),
    "local": ("local", "--data", "{folder}/local", "--http-port", "0"),
    "restore": ("restore", "{folder}/backup"),
    "watch": ("watch", "--once"),
}
"""The rest: what they say to Kafka is what the others say, and is not heard again with passwords."""
UNHEARD = {
    "canary check": "reads answers of a suspect's model from a file, and no setting",
    "canary new": "makes a canary, whose purpose is to be shown once",
    "canary revoke": "changes a file of canaries",
    "demo": "runs commands that are heard here, with keys that are drawn",
    "export verify": "reads a bundle and a public key",
    "features": "prints our own code's words",
    "forensics compare": "reads files of answers, and no setting",
    "formats": "prints our own code's words",
    "init": "draws keys, and writes them to files for their owner alone",
    "keys author": "prints a key, which is what it is for",
    "keys evidence": "prints a public key",
    **{f"new-{kind}": "writes a file from a name" for kind in ("alert", "detector", "feature", "format", "hypothesis", "sink")},
}
"""Commands that read neither secrets nor what strangers send, or whose purpose is to print one."""
SASL = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "quokka"}


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    with local_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """Run a broker with text of requests on every topic, in values, keys and headers."""
    with embedded_broker() as address:
        topics.ensure(Settings(mode="local", kafka=address, partitions=1))
        producer = KafkaProducer(bootstrap_servers=address)
        for topic in topics.TOPICS:
            for value in STRANGE:
                producer.send(topic.name, value, key=MARKER.encode(), headers=[(MARKER, MARKER.encode())], partition=0).get(timeout=20)
        producer.close()
        yield address


def planted(kafka: str, clickhouse: LocalClickHouse, folder: Path) -> dict[str, str]:
    """Return settings with a secret of its own in every field that holds one."""
    where = {"CLICKHOUSE_HOST": clickhouse.host, "CLICKHOUSE_PORT": str(clickhouse.port), "CLICKHOUSE_USER": clickhouse.user}
    own = {"CLICKHOUSE_PASSWORD": clickhouse.password, "INTAKE_TOKEN": TOKEN, "GRAFANA_URL": "http://127.0.0.1:9"}
    keys = {name.upper(): value for name, value in KEYS.items() if name != "kafka_sasl_password"}
    return {
        **where,
        **own,
        **keys,
        "KAFKA": kafka,
        "PARTITIONS": "1",
        "STATE_DIR": str(folder / "state"),
        "INDICATORS": str(folder / "ind.json"),
    }


def listen(running: Running, seconds: float = SERVES_SECONDS) -> bytes:
    """Return what a process has printed once it has ended, or after some seconds of its DEBUG lines."""
    give_up, heard = time.monotonic() + 200, None
    while running.runs and time.monotonic() < give_up:
        if heard is None and b" DEBUG " in running.log.read_bytes():
            heard = time.monotonic()
        if heard is not None and time.monotonic() - heard > seconds:
            break
        time.sleep(0.2)
    return running.log.read_bytes()


def demand_silence(printed: bytes, *others: str) -> None:
    """Fail when a secret or a text of a request was printed."""
    assert printed, "nothing was printed, so nothing would be found"
    for name, secret in {**KEYS, "token": TOKEN, "text": MARKER, **dict.fromkeys(others, "")}.items():
        assert (secret or name).encode() not in printed, name


def leaves(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*before, name))
        else:
            yield (*before, name)


def test_every_command_is_heard_or_has_a_reason_why_not() -> None:
    every = {" ".join(words) for words in leaves(cli)}
    heard = {name for name in every for words in [*COMMANDS.values(), *FURTHER.values()] if " ".join(words).startswith(name)}
    assert every - heard - UNHEARD.keys() == set(), "listen to it, or say why it needs not be"
    assert UNHEARD.keys() <= every - heard


@pytest.mark.parametrize(
    ("words", "sasl"),
    [
        *(
            pytest.param(words, sasl, id=f"{name}-{'sasl' if sasl else 'plain'}")
            for name, words in COMMANDS.items()
            for sasl in (False, True)
        ),
        *(pytest.param(words, False, id=name) for name, words in FURTHER.items()),
    ],
)
def test_no_command_prints_a_secret_or_the_text_of_a_request(
    words: tuple[str, ...],
    sasl: bool,  # noqa: FBT001  (a parameter of pytest)
    kafka: str,
    clickhouse: LocalClickHouse,
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join([LINE % time.time(), MARKER, f'{{"timestamp": "{MARKER}", "prompt": "{MARKER}"}}']))
    given = planted(kafka, clickhouse, tmp_path)
    if sasl:
        given |= SASL | {"KAFKA_SASL_PASSWORD": KEYS["kafka_sasl_password"]}
    filled = [word.format(log=log, folder=tmp_path, port=free_port()) for word in words]
    with hydrometer("-v", *filled, log=tmp_path / "printed", **given) as running:
        listen(running)
    demand_silence((tmp_path / "printed").read_bytes(), clickhouse.password)


def raw(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        connection.settimeout(2)
        connection.recv(4096)


def test_collect_says_nothing_of_what_it_reads(kafka: str, clickhouse: LocalClickHouse, tmp_path: Path) -> None:
    port = free_port()
    words = ("-v", "collect", "--http", f"127.0.0.1:{port}", "--topic")
    with hydrometer(*words, log=tmp_path / "printed", **planted(kafka, clickhouse, tmp_path)) as collect:
        wait_for_health(port)
        url, headers = f"http://127.0.0.1:{port}/v1/events", {"Authorization": f"Bearer {TOKEN}"}
        assert post(url, (LINE % time.time()).encode(), headers) == 200
        assert post(url, MARKER.encode(), headers) == 400
        raw(port, f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\rX\r\n\r\n".encode())
        raw(port, f"POST /{MARKER} HTTP/9\r\nAuthorization Bearer {TOKEN}\r\n\r\n".encode())
        time.sleep(3)
        assert collect.runs
    printed = (tmp_path / "printed").read_bytes()
    assert b" DEBUG " in printed, "nothing was logged, so nothing would be found"
    demand_silence(printed)
