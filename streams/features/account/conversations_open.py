"""Feature `conversations_open`."""

from __future__ import annotations

from streams.core.durations import HOUR
from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import different


class ConversationsOpen(Feature):
    """Different conversations in an hour or two, as ln(1 + x).

    Rises on: an account behind which many people talk at once. Blind to: logs without conversation ids.
    """

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 8.0)
    value = different(col.conversation, window=HOUR).log()
