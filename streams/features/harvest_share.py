"""Feature `harvest_share`."""

from __future__ import annotations

from streams.feature import Feature, col, share

ONE_TURN = 2
LONG = 300


class HarvestShare(Feature):
    """Share of requests that fill a template shared between accounts, in one turn, and get 300 tokens or more.

    Rises on: answer and reasoning harvests run as one job over many accounts. Blind to: paraphrased templates, multi-turn
    harvests, and an account that harvests alone.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share((col.templated > 0) & (col.message_count <= ONE_TURN) & (col.output_tokens >= LONG))
