"""Who may speak with a local server, and how much of a client is believed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

AUTHENTICATION_FAILED = 516
NOBODY = "Authentication failed: password is incorrect, or there is no user with such name."


@dataclass(frozen=True)
class Limits:
    """How much of a client is believed, and for how long."""

    hello_seconds: float = 10.0
    packet_seconds: float = 120.0
    """Longest time for one packet to arrive, or one block to be taken."""
    idle_seconds: float = 3600.0
    query_bytes: int = 16 * 1024 * 1024
    insert_bytes: int = 4 * 1024**3
    """Most bytes of one insert: they wait on disk until the last block has come."""
    clients: int = 64


@dataclass(frozen=True)
class Account:
    """The one user of a local server."""

    user: str
    password: str

    def admits(self, user: str, password: str) -> bool:
        """Tell whether these are the right name and password, in constant time."""
        named = hmac.compare_digest(user.encode(), self.user.encode())
        return hmac.compare_digest(password.encode(), self.password.encode()) and named
