"""The ledger of erasures: which accounts `hydrometer forget` erased, so that a restore of an older backup erases them again.

A line an erasure, in a file of its own (HYDROMETER_ERASURES). An account is in it under a key that is derived from the workers' (AES-GCM):
who has the file alone learns when accounts were erased, and not which. It is kept as long as any backup is kept.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.core.errors import HydrometerError
from streams.core.keyring import derived, role_keys
from streams.core.private_file import owner_only
from streams.core.settings import Settings
from streams.core.typed_json import read_json

_FILE: Final = "erasures.jsonl"
_NONCE_BYTES: Final = 12


class LedgerError(HydrometerError):
    """The ledger cannot be read or written."""


class ErasedAccount(msgspec.Struct, frozen=True):
    """One line: when an erasure began, and of whom."""

    at: str
    """ISO 8601 in UTC."""
    account: str
    """Nonce and sealed id, base64."""


class ErasureLedger:
    """The ledger of this deployment."""

    def __init__(self, settings: Settings) -> None:
        """Find it. Raises SettingsError when no signing key is set."""
        self.path: Path = settings.erasures or settings.state_dir / _FILE
        """Its file."""
        self._keys = [AESGCM(derived(key, "ledger of erasures")) for key in role_keys(settings, "worker")]

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def begin(self) -> None:
        """Make the file, without a line, unless it is there: from then on its absence is noticed. Raises LedgerError."""
        self._append("")

    def add(self, account: str) -> None:
        """Write down that the erasure of an account begins. Raises LedgerError."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = base64.b64encode(nonce + self._keys[0].encrypt(nonce, account.encode(), None)).decode()
        line = ErasedAccount(datetime.now(UTC).isoformat(timespec="seconds"), sealed)
        self._append(msgspec.json.encode(line).decode() + "\n")

    def mark(self) -> tuple[int, str]:
        """Return how many lines there are, and the SHA-256 of their bytes. Raises LedgerError."""
        lines = self._lines()
        return len(lines), _checksum(lines)

    def since(self, lines: int, checksum: str) -> list[str]:
        """Return the accounts that were erased after a mark, each once, in order.

        Raises:
            LedgerError: The file does not begin with what was marked, or a line cannot be read with these keys.
        """
        written = self._lines()
        if _checksum(written[:lines]) != checksum:
            raise LedgerError(f"{self.path} is not the ledger of erasures of that backup: bring back the newest copy of it")
        return list(dict.fromkeys(self._account(line) for line in written[lines:]))

    def _append(self, text: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8", opener=owner_only) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LedgerError(
                f"cannot write {self.path} ({error.strerror}): name a file that this user may write in HYDROMETER_ERASURES"
            ) from error

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise LedgerError(f"cannot read {self.path} ({error.strerror}): set HYDROMETER_ERASURES to the ledger of erasures") from error

    def _account(self, line: bytes) -> str:
        with suppress(msgspec.MsgspecError, binascii.Error, UnicodeDecodeError):
            sealed = base64.b64decode(read_json(line, ErasedAccount).account, validate=True)
            for key in self._keys:
                with suppress(InvalidTag, ValueError):
                    return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()
        raise LedgerError(f"{self.path} has a line that is damaged, or of another key: bring back a copy, and the workers' key of that day")


def _checksum(lines: Sequence[bytes]) -> str:
    return sha256(b"".join(lines)).hexdigest()
