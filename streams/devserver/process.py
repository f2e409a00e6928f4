"""The local server as a child process, for the demo and the tests: a process can run only one engine."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import SecretStr

from streams.core.errors import SettingsError, StoreUnavailableError
from streams.core.logs import hide
from streams.core.private_file import write_private
from streams.core.settings import LocalPassword, Settings
from streams.devserver.access import ClientLimits

CLICKHOUSE_START_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class LocalClickHouse:
    """Address and credentials of a running local server."""

    host: str
    port: int
    http_port: int
    user: str
    password: str
    pid: int
    child: subprocess.Popen[bytes] | None = None
    """The server's process; None where it is a thread."""

    def settings(self, **changes: Any) -> Settings:
        """Return the settings of local mode that reach this server. changes: further settings."""
        return Settings(
            mode="local",
            clickhouse_host=self.host,
            clickhouse_port=self.port,
            clickhouse_user=self.user,
            clickhouse_password=SecretStr(self.password),
            **changes,
        )

    def watch(self) -> None:
        """Wait until the server ends by itself.

        Raises StoreUnavailableError, which says how it ended.
        """
        if self.child is not None:
            code = self.child.wait()
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise StoreUnavailableError(
                f"the local ClickHouse has ended by itself ({how}): start it again; rows that it acknowledged are on disk"
            )


@contextmanager
def local_server(
    data_dir: Path, *, user: str, password: str, native_port: int = 0, http_port: int = 0, clients: int = ClientLimits.clients
) -> Iterator[LocalClickHouse]:
    """Run a server for `clients` at a time on `data_dir` while the context lasts; a `native_port` or `http_port` of 0 is a free one.

    Raises:
        StoreUnavailableError: it did not start; the message is the server's own.
    """
    with _said_once(password) as descriptor, tempfile.TemporaryFile() as ready_line:
        ports = ["--native-port", str(native_port), "--http-port", str(http_port), "--clients", str(clients)]
        command = [sys.executable, "-m", "streams.devserver", "--data-dir", str(data_dir), *ports, "--user", user]
        child = subprocess.Popen(
            [*command, "--password-file", f"/dev/fd/{descriptor}", "--with-parent"],
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=ready_line,
            start_new_session=True,  # only this process gets Ctrl-C, and then stops the child in order
        )
        try:
            ready = _ready(child, ready_line)
            yield LocalClickHouse("127.0.0.1", ready["native_port"], ready["http_port"], user, password, child.pid, child)
        finally:
            stop(child)


@contextmanager
def password_of(settings: Settings) -> Iterator[str]:
    """Yield the password for a new local server: the one that is set, else one drawn now, which our commands find in a file.

    Call `hand_over` once the server runs. The file is this user's alone, and is gone when the context ends.
    """
    given = settings.clickhouse_password
    if not isinstance(given, LocalPassword):
        yield given.get_secret_value()
        return
    password = secrets.token_hex(32)
    hide(password)
    try:
        yield password
    finally:
        with suppress(OSError):
            if given.path.read_text(encoding="utf-8") == password:  # and not that of a later server
                given.path.unlink()


def hand_over(settings: Settings, password: str) -> None:
    """Write a drawn password to its file, readable by this user alone. Does nothing when the password was set.

    Raises SettingsError when it cannot be written.
    """
    given = settings.clickhouse_password
    if not isinstance(given, LocalPassword):
        return
    try:
        write_private(given.path, password)
    except OSError as error:
        raise SettingsError(f"cannot keep the password in {given.path} ({error.strerror}): set HYDROMETER_STATE_DIR") from error


@contextmanager
def _said_once(password: str) -> Iterator[int]:
    """Yield a file descriptor from which a child reads the password once; the password never reaches the disk."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(password.encode())
        yield reading
    finally:
        os.close(reading)


def _ready(child: subprocess.Popen[bytes], ready_line: IO[bytes]) -> dict[str, int]:
    if child.stdout is None or not _speaks_within(child.stdout, CLICKHOUSE_START_SECONDS):
        raise StoreUnavailableError(f"the local ClickHouse did not start within {CLICKHOUSE_START_SECONDS:.0f} s")
    line = child.stdout.readline()
    if not line:
        child.wait(STOP_SECONDS)
        ready_line.seek(0)
        words = ready_line.read().decode(errors="replace").strip().splitlines()
        raise StoreUnavailableError(words[-1].removeprefix("error: ") if words else "the local ClickHouse ended without an error message")
    ports: dict[str, int] = json.loads(line)
    return ports


def _speaks_within(pipe: IO[bytes], seconds: float) -> bool:
    polled = select.poll()
    polled.register(pipe, select.POLLIN)
    return bool(polled.poll(seconds * 1000))


def stop(child: subprocess.Popen[bytes]) -> None:
    """Stop a child process: by SIGTERM, and by SIGKILL after a time-out."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
