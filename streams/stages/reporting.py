"""How often an entity is scored and reported: the same for accounts and for groups."""

from __future__ import annotations

from typing import Final

from models.durations import DAY

TICK_INTERVAL_SECONDS: Final = 60.0
"""Event time between two scores of an entity; the first requests of an account are scored sooner."""
SCORE_ROW_INTERVAL_SECONDS: Final = 600.0
"""Event time between score rows of an entity whose evidence has not moved by SCORE_ROW_STEP_NATS."""
SCORE_ROW_STEP_NATS: Final = 1.0
SUSPECT_SECONDS: Final = float(DAY)
"""Event time without a vote in the references after an account last looked suspect as a member of a group."""
EVIDENCE_ROW_FLOOR_NATS: Final = 5.0
"""Evidence from which an entity has a row for the cases stage. Such a group is not part of the reference for other groups."""
