"""Run the local server as a process: `python -m streams.devserver --data-dir D --user U --password-file F`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from streams.core.errors import HydrometerError
from streams.core.output import echo
from streams.devserver.access import ClientLimits
from streams.devserver.server import LocalServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Prints one line of JSON when ready, and one line on stderr when it cannot start."""
    options = _parser().parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if options.with_parent:
        threading.Thread(target=_outlive_nobody, args=(ended,), daemon=True).start()
    try:
        password = options.password_file.read_text().rstrip("\n")
        server = LocalServer(
            options.data_dir,
            user=options.user,
            password=password,
            host=options.host,
            native_port=options.native_port,
            http_port=options.http_port,
            limits=ClientLimits(clients=options.clients),
        )
        with server:
            echo(json.dumps({"native_port": server.native_port, "http_port": server.http_port}))
            ended.wait()
    except HydrometerError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"cannot use {error.filename or options.data_dir} ({error.strerror}): choose another directory")
    return 0


def _refuse(why: str) -> int:
    echo(f"error: {why}", err=True)
    return 2


def _outlive_nobody(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m streams.devserver", description="ClickHouse's engine on loopback.")
    parser.add_argument("--data-dir", type=Path, required=True, help="created if it does not exist; one server each")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--native-port", type=int, default=0, help="0: any free port")
    parser.add_argument("--http-port", type=int, default=0, help="0: any free port")
    parser.add_argument("--clients", type=int, default=ClientLimits.clients, help="most of them at a time, on each port")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end, too, when standard input closes: the parent is gone")
    return parser


if __name__ == "__main__":
    sys.exit(main())
