"""Peer: Quix Streams, a function a record on a StreamingDataFrame; state in the process, not in its RocksDB, which costs more."""

from __future__ import annotations

from job import Job
from peer_sink import FETCH, Sink, arguments
from quixstreams import Application


def main() -> None:
    """Handle every record of the topic, until killed."""
    to, job = arguments(), Job()
    sink = Sink(to)
    app = Application(
        broker_address=to.bootstrap,
        consumer_group=to.table,
        auto_offset_reset="earliest",
        consumer_extra_config=dict(FETCH),
        use_changelog_topics=False,
        loglevel="WARNING",
    )
    frame = app.dataframe(app.topic(to.topic, key_deserializer="bytes", value_deserializer="bytes"))
    frame.update(lambda value: sink.put(job.row(value)))
    app.run()


if __name__ == "__main__":
    main()
