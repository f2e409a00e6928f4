"""How doorways read: raw bytes, by name, and without acknowledging anything by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import faust
from faust.streams import Stream
from faust.types import EventT, StreamT, TopicT


def source(app: faust.App, *names: str | None) -> TopicT:
    """Return topics as a source of bytes. A record without a value reaches the agent too: Faust would acknowledge it out of turn."""
    named = [name for name in names if name is not None]
    return app.topic(*named, key_serializer="raw", value_serializer="raw", allow_empty=True)


def unacknowledged(stream: StreamT[bytes]) -> AsyncIterator[EventT[Any]]:
    """Yield the events of a stream; none is acknowledged for having been handled."""
    events: AsyncIterator[EventT[Any]] = cast("Stream[bytes]", stream).noack().events()
    return events
