"""The user of a local server, and the limits of a client."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

AUTHENTICATION_FAILED_CODE = 516
NOBODY = "Authentication failed: password is incorrect, or there is no user with such name."


@dataclass(frozen=True)
class Limits:
    """Limits of one client."""

    hello_seconds: float = 10.0
    packet_seconds: float = 120.0
    """Maximum time for one packet to arrive, or one block to be accepted."""
    idle_seconds: float = 3600.0
    query_bytes: int = 16 * 1024 * 1024
    insert_bytes: int = 4 * 1024**3
    """Maximum size of one insert, which is spooled on disk until its last block has arrived."""
    clients: int = 64


@dataclass(frozen=True)
class Account:
    """The one user of a local server."""

    user: str
    password: str

    def admits(self, user: str, password: str) -> bool:
        """Return whether name and password are right, in constant time."""
        named = hmac.compare_digest(user.encode(), self.user.encode())
        return hmac.compare_digest(password.encode(), self.password.encode()) and named
