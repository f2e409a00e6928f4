"""`hydrometer collect` as a person runs it, against the embedded broker."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from streams.cli.main import main
from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.schema import topics
from streams.testing.builders import event_ids_of

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-u", "-m", "streams", "collect"]


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with EmbeddedBroker() as broker:
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap))
        yield {**os.environ, "HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": broker.bootstrap}


def lines(count: int, prefix: str) -> bytes:
    events = ({"timestamp": time.time(), "event.id": f"{prefix}-{number}", "account.id": "acct-1"} for number in range(count))
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_files_are_read_to_their_end_and_counted(env: dict[str, str], tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_bytes(lines(3, "a") + b"not json\n")
    packed.write_bytes(gzip.compress(lines(2, "b")))
    done = subprocess.run([*COMMAND, plain, packed], env=env, check=True, capture_output=True, text=True)
    assert done.stdout == "5 events accepted, 1 rejected {'not_json': 1}\n"


def test_a_log_of_which_nothing_was_accepted_is_an_error_that_says_where_its_lines_are(env: dict[str, str]) -> None:
    done = subprocess.run([*COMMAND, "-"], env=env, check=False, capture_output=True, input=b"not json\n" * 2)
    said = b"error: no event was accepted (rejected: {'not_json': 2}): check --format; the lines are in dead-letters\n"
    assert (done.returncode, done.stdout, done.stderr[-len(said) :]) == (2, b"", said)


def test_standard_input_is_a_dash(env: dict[str, str]) -> None:
    done = subprocess.run([*COMMAND, "-"], env=env, check=True, capture_output=True, input=lines(2, "c"))
    assert done.stdout == b"2 events accepted, 0 rejected\n"


def test_a_standard_input_that_goes_on_ends_when_told_to(env: dict[str, str]) -> None:
    process = subprocess.Popen([*COMMAND, "-"], env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(lines(2, "f"))
    process.stdin.flush()
    _wait_until_read(process.stdin)  # a thread that still reads is what made Python abort
    process.terminate()
    assert process.wait(timeout=30) == 143
    assert process.stderr
    assert b"Fatal" not in process.stderr.read()


def test_a_free_port_is_told(env: dict[str, str]) -> None:
    process = subprocess.Popen([*COMMAND, "--http", "127.0.0.1:0"], env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    address = next(line for line in process.stderr if "listening on" in line).split()[-1]
    with urllib.request.urlopen(f"{address}/healthz") as answer:
        assert answer.status == 200
    process.terminate()
    process.communicate(timeout=30)


def test_http_and_topic_run_together_until_they_are_told_to_stop(env: dict[str, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "--http", f"127.0.0.1:{port}", "--topic"], env=env, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    _wait_for(f"{url}/healthz")
    token = Settings(mode="local").intake_token.get_secret_value()
    request = urllib.request.Request(f"{url}/v1/events", lines(4, "d"), {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {"accepted": 4, "rejected": {}}
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said
    assert b"Traceback" not in said


def test_a_followed_log_arrives_whole_though_it_is_rotated_while_collect_is_dead(env: dict[str, str], tmp_path: Path) -> None:
    log, positions = tmp_path / "requests.log", tmp_path / "positions.json"
    command = [*COMMAND, "--follow", str(log), "--positions", str(positions)]
    log.write_bytes(lines(3, "g"))
    first = subprocess.Popen(command, env=env)
    _wait_until_exists(positions)
    first.kill()
    first.wait()
    with log.open("ab") as file:
        file.write(lines(2, "h"))
    log.rename(tmp_path / "requests.log.1")
    log.write_bytes(lines(4, "i"))
    positions_before = positions.read_bytes()
    second = subprocess.Popen(command, env=env, stderr=subprocess.PIPE)
    while positions.read_bytes() == positions_before or str(log.stat().st_size) not in positions.read_text():
        assert second.poll() is None
        time.sleep(0.1)
    second.terminate()
    _, text = second.communicate(timeout=30)
    assert (second.returncode, b"Traceback" in text) == (143, False)
    expected = {f"{prefix}-{number}" for prefix, count in (("g", 3), ("h", 2), ("i", 4)) for number in range(count)}
    assert expected <= {*event_ids_of(env["HYDROMETER_KAFKA"])}


def test_a_port_that_is_taken_is_one_line(env: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run([*COMMAND, "--http", address], env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: cannot listen on {address}")


@pytest.mark.parametrize("arguments", [[], ["a.jsonl", "--topic"], ["a.jsonl", "--follow", "--topic"], ["a.jsonl", "-"]])
def test_one_kind_of_way_in_at_a_time(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["collect", *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == "error: Name files, or - for standard input, or --http and --topic: see `hydrometer collect --help`\n"


def test_without_keys_nothing_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["collect", "a.jsonl"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: HYDROMETER_SKETCH_KEY is not set: set")


def _wait_until_read(pipe: IO[bytes]) -> None:
    """Wait until the other side has taken all that was written."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        if not int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder):
            return
        time.sleep(0.1)
    pytest.fail("nobody reads the standard input")


def _wait_for(url: str) -> None:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(url):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer")


def _wait_until_exists(path: Path) -> None:
    while not path.exists():
        time.sleep(0.05)
