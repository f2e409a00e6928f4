"""Feature `conversations_open`."""

from __future__ import annotations

from models.durations import HOUR
from streams.features.declaration import LOGARITHMIC, Feature, count_of
from streams.features.expressions import col
from streams.features.readings import different


class ConversationsOpen(Feature):
    """Different conversations in an hour or two, as ln(1 + x)."""

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 8.0)
    label = "Conversations in an hour"
    unit = count_of("conversations")
    scale = LOGARITHMIC
    rises_on = "an account through which many people talk at once"
    blind_to = "logs without conversation ids"
    value = different(col.conversation, window=HOUR).log()
