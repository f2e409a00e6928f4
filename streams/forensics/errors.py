"""Errors in the files that are compared."""

from __future__ import annotations

from streams.core.errors import HydrometerError


class AnswersError(HydrometerError):
    """The answers cannot be read or compared. The message names the file or model, the cause and the fix."""
