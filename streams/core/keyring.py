"""The keys of those who may write what others act on: one a role, derived from one secret or set by itself, two epochs side by side.

A key of a role is HKDF-SHA256 (RFC 5869) of a secret, so that a secret is never a key itself, and no role's key tells another's. Below the
analysts' key each analyst can have a key of their own, which signs labels of that author alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from streams.core.errors import SettingsError
from streams.core.private_file import draw_secret
from streams.core.settings import MIN_SECRET_CHARACTERS, Settings, variable_of

SigningRole = Literal["worker", "analyst"]
"""Who writes what others act on: workers write evidence, votes, alerts and cases; analysts write labels."""
ROLES: Final[tuple[SigningRole, ...]] = get_args(SigningRole)
EPOCHS: Final = ("", "_previous")
"""The current secret signs; what the previous one signed is still believed."""

_KEY_BYTES: Final = 32
_LOCAL_FILE: Final = "signing_key"


def role_keys(settings: Settings, role: SigningRole) -> list[bytes]:
    """Return the keys of a role, the one that signs first; the others are only believed.

    Raises SettingsError when no secret is set, or one is short. In local mode a secret is drawn once, into `state_dir`.
    """
    return [derived(secret, f"role {role}") for secret in _secrets(settings, role)]


def author_key(settings: Settings) -> tuple[str, bytes] | None:
    """Return the author whose own key this process holds, and that key; None without one. Raises SettingsError when it is malformed."""
    given = settings.author_key.get_secret_value() if settings.author_key else ""
    if not given:
        return None
    author, _, key = given.rpartition(":")
    with suppress(ValueError):
        if author and len(bytes.fromhex(key)) == _KEY_BYTES:
            return author, bytes.fromhex(key)
    raise SettingsError("HYDROMETER_AUTHOR_KEY is not a name and a key: an operator makes one with `hydrometer keys author NAME`")


def derived(secret: bytes, purpose: str) -> bytes:
    """Return the key of a purpose, 32 bytes. Different purposes have independent keys."""
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"hydrometer {purpose}".encode()).derive(secret)


def _secrets(settings: Settings, role: SigningRole) -> list[bytes]:
    fields = [name + epoch for epoch in EPOCHS for name in (f"{role}_key", "signing_key")]
    found = [secret for name in fields for secret in _long_enough(name, getattr(settings, name))]
    if found:
        return found
    if settings.mode == "local":
        return [_drawn(settings.state_dir / _LOCAL_FILE)]
    first, second = variable_of(f"{role}_key"), variable_of("signing_key")
    raise SettingsError(f"neither {first} nor {second} is set: set one of them, or its _FILE (openssl rand -hex 32)")


def _long_enough(field: str, secret: SecretStr | None) -> Iterator[bytes]:
    value = secret.get_secret_value() if secret else ""
    if not value:
        return
    if len(value) < MIN_SECRET_CHARACTERS:
        raise SettingsError(f"{variable_of(field)} has fewer than {MIN_SECRET_CHARACTERS} characters: make one with: openssl rand -hex 32")
    yield value.encode()


def _drawn(path: Path) -> bytes:
    """Return the secret of local mode: drawn by the first process that asks, and readable by its user alone."""
    try:
        draw_secret(path)
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot keep a signing key in {path} ({error.strerror}): set HYDROMETER_STATE_DIR") from error
