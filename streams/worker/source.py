"""Sources of agents: raw bytes of named topics, without automatic acknowledgement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import faust
from faust.streams import Stream
from faust.types import EventT, StreamT, TopicT
from faust.types.tuples import Message as Record


def source(app: faust.App, *names: str | None) -> TopicT:
    """Return topics as a source of bytes. Records without a value are included: otherwise Faust acknowledges them out of order."""
    named = [name for name in names if name is not None]
    return app.topic(*named, key_serializer="raw", value_serializer="raw", allow_empty=True)


def unacknowledged(stream: StreamT[bytes]) -> AsyncIterator[EventT[Any]]:
    """Yield the events of a stream; Faust does not acknowledge them after processing."""
    events: AsyncIterator[EventT[Any]] = cast("Stream[bytes]", stream).noack().events()
    return events


def headers_of(record: Record) -> list[tuple[str, bytes | None]]:
    """Return the headers of a record as Kafka had them; Faust makes a mapping or a list of them."""
    headers = record.headers or ()
    return list(headers.items() if isinstance(headers, Mapping) else headers)
