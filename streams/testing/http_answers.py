"""An HTTP server for a test: the other side of what this project calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple


class Asked(NamedTuple):
    """A request that came."""

    path: str
    headers: Message
    body: bytes


Answer = Callable[[Asked], tuple[int, bytes]]
"""Returns status and body of the answer."""


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Answer GET, POST and DELETE on a free port of this machine while the context lasts; yield `http://127.0.0.1:PORT`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(Asked(self.path, self.headers, self.rfile.read(int(self.headers.get("Content-Length") or 0))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    """Serve in a thread of its own while the context lasts, and end at once behind it: http.server looks for its end twice a second."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
