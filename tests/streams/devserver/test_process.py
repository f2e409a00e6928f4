"""The server as a process: one line when ready, one line when it cannot start, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clickhouse_driver import Client

from streams.core.errors import SettingsError, StoreUnavailableError
from streams.core.settings import Settings
from streams.devserver.process import LocalClickHouse, local_server
from streams.devserver.server import LocalServer
from streams.testing.builders import driver

pytestmark = pytest.mark.slow


def command(folder: Path, *more: str) -> list[str]:
    password = folder / "password"
    password.write_text("secret-word\n")
    start = [sys.executable, "-m", "streams.devserver", "--data-dir", str(folder / "data"), "--user", "u"]
    return [*start, "--password-file", str(password), *more]


@contextmanager
def process(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    with subprocess.Popen(command(folder, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            yield child, json.loads(child.stdout.readline())
        finally:
            child.kill()


def client(ports: dict[str, int]) -> Client:
    return Client("127.0.0.1", ports["native_port"], user="u", password="secret-word")


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_even_during_a_query(tmp_path: Path, number: signal.Signals) -> None:
    with process(tmp_path) as (child, ports):
        busy = client(ports)
        next(iter(busy.execute_with_progress("SELECT sum(sipHash64(number)) FROM numbers(100000000000)")))
        idle = client(ports)
        idle.execute("SELECT 1")
        child.send_signal(number)
        said, complained = child.communicate(timeout=10)
        assert (child.returncode, said, complained) == (0, "", "")
        assert all(refuses(port) for port in ports.values())


def test_data_survive_a_restart_and_a_kill(tmp_path: Path) -> None:
    for round_number, number in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)):
        with process(tmp_path) as (child, ports):
            mine = client(ports)
            mine.execute("CREATE TABLE IF NOT EXISTS kept (a UInt8) ENGINE = MergeTree ORDER BY a")
            mine.execute("INSERT INTO kept VALUES", [(round_number,)])
            assert mine.execute("SELECT count() FROM kept") == [(round_number + 1,)]
            child.send_signal(number)
            child.wait(timeout=10)


def test_a_directory_has_one_server(tmp_path: Path) -> None:
    with process(tmp_path) as (child, ports):
        second = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 2
        assert second.stderr.strip().endswith(f"is in use by process {child.pid}: stop it, or choose another directory")
        assert second.stderr.startswith("error: ")
        assert client(ports).execute("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--host", "0.0.0.0"), "listens on loopback only"),  # noqa: S104 - what must be refused
        (("--host", "example.org"), "listens on loopback only"),
        (("--host", "::"), "listens on loopback only"),
        (("--user", ""), "needs a user and a password"),
        (("--password-file", "/nowhere"), "No such file"),
        (("--password-file", "/dev/null"), "needs a user and a password"),
    ],
)
def test_what_it_cannot_do_is_said_in_one_line(tmp_path: Path, more: tuple[str, ...], reason: str) -> None:
    ended = subprocess.run(command(tmp_path, *more), capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert reason in ended.stderr


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StoreUnavailableError, match=f"cannot listen on 127.0.0.1:{port}"):  # noqa: SIM117
            with local_server(tmp_path, user="u", password="secret-word", http_port=port):
                pass
    with local_server(tmp_path, user="u", password="secret-word"):  # and nothing of the failed one is in the way
        pass


def test_it_listens_on_loopback_only(clickhouse: LocalClickHouse) -> None:
    for port in (clickhouse.port, clickhouse.http_port):
        assert not refuses(port)
        assert f"0100007F:{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def test_it_ends_with_its_parent_and_leaves_no_password_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    script = (
        "import sys, time; from pathlib import Path; from streams.devserver.process import local_server\n"
        "with local_server(Path(sys.argv[1]), user='u', password='secret-word') as server: print(server.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        server = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 10
    while Path(f"/proc/{server}").exists() and Path(f"/proc/{server}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not list(temporary.iterdir())


def test_the_password_is_not_in_the_list_of_processes(clickhouse: LocalClickHouse) -> None:
    assert clickhouse.password.encode() not in Path(f"/proc/{clickhouse.pid}/cmdline").read_bytes()


def test_it_runs_in_a_thread_of_this_process(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    for _ in range(2):
        with LocalServer(tmp_path, user="u", password="secret-word") as server:
            assert client({"native_port": server.native_port}).execute("SELECT 1") == [(1,)]
            ports = server.native_port, server.http_port
        assert all(refuses(port) for port in ports)
    assert signal.getsignal(signal.SIGINT) is before


def test_there_is_no_account_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="HYDROMETER_CLICKHOUSE_PASSWORD"):
        LocalServer(tmp_path, user="default", password="")


def test_memory_stays_bounded_over_large_inserts_and_results(clickhouse: LocalClickHouse) -> None:
    def resident() -> int:
        return int(Path(f"/proc/{clickhouse.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with driver(clickhouse) as mine:
        mine.execute("CREATE TABLE wide (s String) ENGINE = Null")
        ten_megabytes = [["x" * 1000] * 10_000]
        mine.execute("INSERT INTO wide VALUES", ten_megabytes, columnar=True)
        before = resident()
        for _ in range(20):
            mine.execute("INSERT INTO wide VALUES", ten_megabytes, columnar=True)
        assert sum(1 for _ in mine.execute_iter("SELECT number FROM numbers(2000000)")) == 2_000_000
        assert resident() - before < 150_000_000


def started(folder: Path, **more: str) -> subprocess.Popen[str]:
    """Start `hydrometer local` without its broker, and wait until it serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "HYDROMETER_STATE_DIR": str(folder / "state"), "HYDROMETER_CLICKHOUSE_PORT": str(port), **more}
    line = [sys.executable, "-u", "-m", "streams", "local", "--no-broker", "--http-port", "0", "--data", str(folder / "data")]
    child = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout
    assert "ClickHouse on" in child.stdout.readline()
    assert "Ctrl-C" in child.stdout.readline()
    return child


def test_each_start_draws_a_password_that_our_commands_find(tmp_path: Path) -> None:
    kept, drawn = tmp_path / "state" / "clickhouse_password", []
    settings = Settings(mode="local", state_dir=tmp_path / "state")
    for number in (signal.SIGTERM, signal.SIGINT):
        child = started(tmp_path)
        assert (kept.stat().st_mode & 0o777, len(kept.read_text())) == (0o600, 64)
        drawn.append(settings.clickhouse_password.get_secret_value())
        assert drawn[-1] == kept.read_text()
        child.send_signal(number)
        assert drawn[-1] not in child.communicate(timeout=30)[0]
        assert not kept.exists()
    assert drawn[0] != drawn[1]
    with pytest.raises(SettingsError, match="start `hydrometer local`"):
        settings.clickhouse_password.get_secret_value()
    assert "in a file" not in f"{settings!r} {settings.clickhouse_password}"


def test_a_password_may_be_set_and_is_then_not_written(tmp_path: Path) -> None:
    child = started(tmp_path, HYDROMETER_CLICKHOUSE_PASSWORD="mine-alone")
    assert not (tmp_path / "state").exists()
    child.terminate()
    child.communicate(timeout=30)


def test_the_death_of_the_engine_is_told_in_one_line(tmp_path: Path) -> None:
    child = started(tmp_path)
    (server,) = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    os.kill(int(server), signal.SIGKILL)
    said = child.communicate(timeout=30)[0]
    assert child.returncode not in (0, -signal.SIGKILL)
    assert said.count("\n") == 1
    assert "the local ClickHouse has ended by itself (SIGKILL): start it again" in said
    assert not (tmp_path / "state" / "clickhouse_password").exists()
