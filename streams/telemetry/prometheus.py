"""The metrics of a process over HTTP, in Prometheus' text format.

Names are those of the table `health`, with `_total` behind counters, which Prometheus expects; histograms have buckets instead of
quantiles. A thread of its own answers, also while the process's work is stuck.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server
from prometheus_client.exposition import choose_encoder

from streams.telemetry.metrics import METRICS, Registry


def written(accept: str = "", registry: Registry = METRICS) -> tuple[bytes, str]:
    """Return all metrics in the text format of an `Accept` header, and the content type."""
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


@contextmanager
def listening(host: str, port: int, registry: Registry = METRICS) -> Iterator[int]:
    """Serve `/metrics` on this address, and yield the port; port 0 chooses a free one.

    Raises:
        OSError: If the address cannot be used.
    """
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
