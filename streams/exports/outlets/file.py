"""Outlet `file`: one finding a line, appended to a file or written to standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

import orjson

from streams.core.settings import Settings
from streams.exports.ocsf import Json
from streams.exports.outlet import DeliveryError, OutletConfigError


class Outlet:
    """A file of JSON lines."""

    metavar: ClassVar = "PATH"
    help: ClassVar = "Append findings to this file, one a line; - is standard output."

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Write to a stream; `name` is for errors."""
        self._stream, self._name = stream, name

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Open a file to append to. Raises OutletConfigError when that fails."""
        del settings
        if target == "-":
            return cls(sys.stdout.buffer, "standard output")
        try:
            return cls(Path(target).open("ab"), target)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no such name"
            raise OutletConfigError(f"cannot write {target!r} ({reason}): choose another file") from error

    def deliver(self, findings: Sequence[Json]) -> None:
        """Write findings and flush them to the operating system. Raises DeliveryError."""
        try:
            self._stream.writelines(orjson.dumps(finding, option=orjson.OPT_APPEND_NEWLINE) for finding in findings)
            self._stream.flush()
        except OSError as error:
            raise DeliveryError(f"cannot write {self._name!r} ({error.strerror}): free disk space, then start again") from error

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._stream is not sys.stdout.buffer:
            with suppress(OSError):  # findings still in the buffer were never acknowledged
                self._stream.close()
