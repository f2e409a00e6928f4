"""A little stand-in for an LLM gateway: it answers every request with the same words, unless an order says otherwise.

It reads the file that `hydrometer enforcement apply --to litellm=FILE` writes, by the code that obeys on a LiteLLM proxy. A caller names
their account as `Authorization: Bearer ACCOUNT`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Final

from streams.enforcement.obeying import Obeying, Ruling

PATH: Final = "/v1/chat/completions"
MAX_BODY_BYTES: Final = 1 << 20
_ANSWER: Final = "I am a stand-in for a model."
_REASONING: Final = "Somebody asks me something, and I always answer the same."
_STATUS: Final = {"refuse": HTTPStatus.FORBIDDEN, "limit": HTTPStatus.TOO_MANY_REQUESTS}


@contextmanager
def gateway(orders: Path, port: int = 0) -> Iterator[str]:
    """Serve on a port of the loopback interface while the context lasts, obeying a file of orders; yield the address to POST to.

    port: 0 is a free one.
    """
    obeying, one_at_a_time = Obeying(orders), Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != PATH or not 0 <= length <= MAX_BODY_BYTES:
                self._send(HTTPStatus.NOT_FOUND, {"error": f"this stand-in answers POST {PATH} alone"})
                return
            self.rfile.read(length)
            account = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
            with one_at_a_time:
                ruling = obeying.rule([account])
            self._send(_STATUS.get(ruling.does, HTTPStatus.OK), _body(ruling))

        def _send(self, status: HTTPStatus, body: dict[str, object]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PATH}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _body(ruling: Ruling) -> dict[str, object]:
    """Return an answer in OpenAI's form, without reasoning where an order hides it; or the notice of an order that refuses."""
    if ruling.does in _STATUS:
        return {"error": ruling.notice}
    message = {"role": "assistant", "content": _ANSWER}
    if ruling.does != "strip":
        message["reasoning_content"] = _REASONING
    return {"object": "chat.completion", "model": "stand-in", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
