"""Errors by their consequence: set the message aside, keep offsets and retry, or stop with one clear line."""

from __future__ import annotations


class HydrometerError(Exception):
    """Base of every error for people. The message is one line: cause, place, fix."""


class SettingsError(HydrometerError):
    """A setting is missing, unknown or unreadable. The process does not start."""


class MalformedEventError(HydrometerError):
    """One event cannot be read. It goes to the dead letters; the stream goes on."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keep `reason` (a code, counted) and `detail` (a sentence without any value of the event)."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class BlockLayoutError(HydrometerError):
    """A block was written in another layout, or is cut short. It goes to the dead letters; the stream goes on."""


class StateAheadError(HydrometerError):
    """State contains a block behind the end of its topic, which was made anew. The worker does not start; the state stays as it is."""


class DiskFullError(HydrometerError):
    """The disk of a worker's state has no room. The worker stops before anything is acknowledged that it could not keep."""


class StoreUnavailableError(HydrometerError):
    """ClickHouse refused a batch. It is retried, and its offsets stay uncommitted."""


class BrokerUnavailableError(HydrometerError):
    """No Kafka broker answers, or it refuses. Nothing is acknowledged; the process tries again or stops with one line."""


class BrokerAwayError(BrokerUnavailableError):
    """No Kafka broker answers at all: it may come back without anybody changing a setting, so a process that serves waits for it."""


class FuseBlownError(HydrometerError):
    """Too many rejected lines: a wrong format must not drain a day of logs into dead letters. `collect` stops."""


class MissingToolError(HydrometerError):
    """A program or an optional package is not installed. The message names the command that installs it."""
