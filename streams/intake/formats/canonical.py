"""The canonical event itself: flat JSON with OpenTelemetry GenAI and ECS names (`streams/schema/event.py`)."""

from __future__ import annotations

from typing import Any, Final

NAME: Final = "canonical"


def recognise(found: dict[str, Any]) -> bool:
    """Tell whether an object is a canonical event."""
    return "event.id" in found and "account.id" in found


def to_canonical(found: dict[str, Any]) -> dict[str, Any]:
    """Return the object as it is."""
    return found
