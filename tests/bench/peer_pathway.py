"""Peer: Pathway, a function a record on a table of raw Kafka records; state in the process, without its persistence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pathway as pw
from job import Job
from peer_sink import FETCH, Sink, arguments

AUTOCOMMIT_MILLISECONDS = 100
"""What comes within that time is one batch of its engine."""


def main() -> None:
    """Handle every record of the topic, until killed."""
    to, job = arguments(), Job()
    sink = Sink(to)
    settings = {"bootstrap.servers": to.bootstrap, "group.id": to.table, "auto.offset.reset": "earliest", **FETCH}
    records = pw.io.kafka.read(settings, to.topic, format="raw", autocommit_duration_ms=AUTOCOMMIT_MILLISECONDS, autogenerate_key=True)

    def on_change(key: Any, row: Mapping[str, bytes], time: int, is_addition: bool) -> None:  # noqa: ARG001, FBT001 - Pathway's own names
        sink.put(job.row(row["data"]))

    pw.io.subscribe(records.select(pw.this.data), on_change)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main()
