"""The metrics of a process as Prometheus reads them: over HTTP, in Prometheus' own words.

Names are those of the table `health`, with `_total` behind counters, as Prometheus wants them; histograms bring their buckets instead of
quantiles. A thread answers, so that a process whose work is stuck can still be asked why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server
from prometheus_client.exposition import choose_encoder

from streams.telemetry.metrics import METRICS, Registry


def written(accept: str = "", registry: Registry = METRICS) -> tuple[bytes, str]:
    """Return everything in the text format that an `Accept` header asks for, and its content type."""
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


@contextmanager
def listening(host: str, port: int, registry: Registry = METRICS) -> Iterator[int]:
    """Serve `/metrics` on this address; yield the port, which is a free one for 0. Raises OSError."""
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
