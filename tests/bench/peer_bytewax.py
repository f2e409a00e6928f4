"""Peer: Bytewax, up to 1,000 records a partition at a time through one step; state in the process, without its recovery store.

Its source asks a partition again as soon as it has answered; here it rests after an empty answer, which costs less where events are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.inputs import StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from job import Job, Row
from peer_sink import FETCH, Sink, arguments

REST = timedelta(milliseconds=50)


class RestingPartition(StatefulSourcePartition[Any, Any]):
    """A partition that is asked again some time after it had nothing."""

    def __init__(self, partition: Any) -> None:
        """Ask this one."""
        self._partition = partition
        self._awake: datetime | None = None

    def next_batch(self) -> list[Any]:
        """Return what there is."""
        batch: list[Any] = self._partition.next_batch()
        self._awake = None if batch else datetime.now(UTC) + REST
        return batch

    def next_awake(self) -> datetime | None:
        """Return when to ask again, None for at once."""
        return self._awake

    def snapshot(self) -> Any:
        """Return the offset."""
        return self._partition.snapshot()

    def close(self) -> None:
        """Close the consumer."""
        self._partition.close()


class RestingSource(KafkaSource):
    """Bytewax's source of records with such partitions."""

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Any:
        """Return a partition."""
        return RestingPartition(super().build_part(step_id, for_part, resume_state))


class ToClickHouse(DynamicSink[Row], StatelessSinkPartition[Row]):
    """Hands rows to the sink that all peers have."""

    def __init__(self, sink: Sink) -> None:
        """Write to this sink."""
        self._sink = sink

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> ToClickHouse:
        """Return itself: there is one worker."""
        return self

    def write_batch(self, items: Sequence[Row]) -> None:
        """Take rows."""
        self._sink.put_all(items)


def main() -> None:
    """Handle every record of the topic, until killed."""
    to, job = arguments(), Job()
    flow = Dataflow("bench")
    records = op.input("records", flow, RestingSource([to.bootstrap], [to.topic], add_config=dict(FETCH)))
    rows = op.flat_map_batch("job", records, lambda batch: [job.row(record.value) for record in batch])
    op.output("rows", rows, ToClickHouse(Sink(to)))
    cli_main(flow)


if __name__ == "__main__":
    main()
