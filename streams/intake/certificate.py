"""The certificate of the intake: read at the start, and again when its files change, so that a renewal needs no restart."""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from streams.core.errors import SettingsError
from streams.core.file_version import file_version
from streams.core.settings import Settings, variable_of
from streams.intake.callers import RELOAD_INTERVAL_SECONDS

_FIELD: Final = "intake_certificate"
_log = logging.getLogger(__name__)


class Certificate:
    """What the intake's connections are encrypted with. A failed renewal keeps the certificate before, and is logged once."""

    def __init__(self, chain: Path, key: Path | None) -> None:
        """Read both files.

        Args:
            chain: PEM, the server's certificate first.
            key: PEM; None when it is in the same file.

        Raises:
            SettingsError: A file cannot be read, the key is another certificate's, or the certificate has expired.
        """
        self._chain = chain
        self._key = key
        self._versions = self._file_versions()
        self.context = self._read()

    def renew(self) -> bool:
        """Read the files again if one has changed, for connections from now on; return whether the certificate was replaced."""
        versions = self._file_versions()
        if versions == self._versions:
            return False
        self._versions = versions
        try:
            self._read()  # into a context of its own: a key without its certificate would break the one in use
            self.context.load_cert_chain(self._chain, self._key)
        except (OSError, SettingsError) as error:
            _log.error("the certificate before stays in use: %s", error)
            return False
        _log.info("the intake's certificate was read again")
        return True

    async def keep(self) -> None:
        """Renew once a second, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_INTERVAL_SECONDS)
            self.renew()

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._chain, self._key, password=_no_password)
            first = x509.load_pem_x509_certificate(self._chain.read_bytes())
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise SettingsError(self._unreadable(error)) from None
        if first.not_valid_after_utc <= datetime.now(UTC):
            raise SettingsError(f"{variable_of(_FIELD)}: {self._chain} expired on {first.not_valid_after_utc:%Y-%m-%d}: renew it")
        return context

    def _unreadable(self, error: OSError | ValueError) -> str:
        missing = [path for path in (self._chain, self._key) if path and not path.is_file()]
        if missing:
            field = _FIELD if missing[0] == self._chain else f"{_FIELD}_key"
            return f"{variable_of(field)}: there is no file {missing[0]}: point it at a PEM file"
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no PEM"
        return (
            f"{variable_of(_FIELD)}: {self._chain} and its key cannot be used ({reason}): "
            "give a PEM chain, the server's certificate first, and its key without a passphrase"
        )

    def _file_versions(self) -> list[object]:
        return [file_version(path) for path in (self._chain, self._key) if path]


def certificate(settings: Settings) -> Certificate | None:
    """Return the certificate that the settings name, None when the intake speaks plain HTTP. Raises SettingsError."""
    chain, key = settings.intake_certificate, settings.intake_certificate_key
    if chain is None and key is not None:
        raise SettingsError(f"{variable_of(_FIELD)} is not set, but its key is: set both, or neither")
    return Certificate(chain, key) if chain else None


def _no_password() -> str:
    """Raise ValueError: nobody is there to type a passphrase, and OpenSSL would wait for one at a terminal."""
    raise ValueError("the key has a passphrase")
