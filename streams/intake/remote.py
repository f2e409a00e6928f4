"""Logs in buckets and on web servers, by the address that names them (`s3://bucket/logs`, `gs://`, `https://`), read through fsspec.

Each kind of address needs its package (s3fs is in the extra `buckets`; gcsfs, adlfs) and finds its credentials as that package does, in the
environment, in the cloud's own files or from the machine's role: none stand in an address.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, BinaryIO, Final, cast

from streams.core.errors import MissingToolError, SettingsError

_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://.")
_BUFFER_BYTES: Final = 1 << 20
_FOREIGN_ERRORS: Final = (
    ("botocore.exceptions", "BotoCoreError"),
    ("aiohttp", "ClientError"),
    ("google.auth.exceptions", "GoogleAuthError"),
)
"""What packages raise that is no OSError: credentials that are missing, servers that are away."""


@dataclass(frozen=True)
class RemotePath:
    """A file or a folder at an address; of a folder, `files` are what it holds."""

    address: str

    def __str__(self) -> str:
        """Return the address."""
        return self.address

    @cached_property
    def size_bytes(self) -> int:
        """The size of a file as it is stored; 0 where the server does not say it."""
        with _one_error(self.address):
            return int(self._system.info(self._path).get("size") or 0)

    def files(self) -> list[RemotePath]:
        """Return the file itself, or the files of a folder by their names; hidden ones (`.name`) and empty ones are left out.

        Raises:
            SettingsError: One line, for what cannot be listed, and for a folder without files.
            MissingToolError: The package for such an address is not installed.
        """
        with _one_error(self.address):
            if self._is_file():
                return [self]
            held = self._system.find(self._path, detail=True)
        names = sorted(name for name, facts in held.items() if facts.get("size") != 0 and not _is_hidden(name.removeprefix(self._path)))
        if not names:
            raise SettingsError(f"{self.address} holds no file that can be seen: check the address, the region and your credentials")
        return [RemotePath(self._system.unstrip_protocol(name)) for name in names]

    def open(self) -> BinaryIO:
        """Return the bytes of a file. What breaks off while they are read is an OSError, as of a file on disk.

        Raises:
            SettingsError: One line, when it cannot be opened.
        """
        with _one_error(self.address):
            return cast("BinaryIO", io.BufferedReader(_Raw(self._system.open(self._path, "rb")), _BUFFER_BYTES))

    def _is_file(self) -> bool:
        return not self.address.endswith("/") and bool(self._system.isfile(self._path))

    @cached_property
    def _system(self) -> Any:
        return self._opened[0]

    @cached_property
    def _path(self) -> str:
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            system, path = import_module("fsspec.core").url_to_fs(self.address)
        except ImportError as error:
            kind = self.address.partition("://")[0]
            raise MissingToolError(
                f"{kind}:// needs a package ({error}): pip install 'hydrometer[buckets]', or copy the files first"
            ) from error
        except ValueError as error:
            raise SettingsError(f"{self.address} is no kind of address that fsspec knows: use s3://, gs://, abfs:// or https://") from error
        return system, str(path)


def is_address(name: str) -> bool:
    """Return whether a name is an address and no path.

    >>> is_address("s3://logs/2026"), is_address("logs/2026")
    (True, False)
    """
    return _ADDRESS.match(name) is not None


class _Raw(io.RawIOBase):
    """A file of fsspec as Python's own buffered reader takes it: whatever its package raises is an OSError."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if (offset, whence) != (0, io.SEEK_CUR):  # it only says where it is, which a progress bar asks
            raise io.UnsupportedOperation
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._file.read(len(buffer))
        except _foreign_errors() as error:
            raise OSError(type(error).__name__) from error
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _one_error(address: str) -> Iterator[None]:
    """Turn what the package of a store raises into one line. Its message may hold a signed address: only its kind is shown."""
    errors: tuple[type[Exception], ...] = (OSError, ValueError, *_foreign_errors())
    try:
        yield
    except errors as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(
            f"cannot read {address} ({type(error).__name__}): check the address, the region and your credentials"
        ) from error


def _foreign_errors() -> tuple[type[Exception], ...]:
    known = []
    for module, name in _FOREIGN_ERRORS:
        try:
            known.append(getattr(import_module(module), name))
        except ImportError:
            continue
    return tuple(known)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
