"""The user of a local server, and the limits of a client."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from email.message import Message

AUTHENTICATION_FAILED_CODE = 516
NOBODY = "Authentication failed: password is incorrect, or there is no user with such name."


@dataclass(frozen=True)
class ClientLimits:
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


_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE | re.ASCII)


def stranger(headers: Message) -> str:
    """Return why an HTTP request comes from a page of another site, in one line; empty when it does not.

    A browser always names the host that a page asked for (a name that was rebound to 127.0.0.1 stays foreign), the origin of a page that
    writes, and whether both are one site.
    """
    hosts = headers.get_all("Host", [])
    if len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0].strip()):
        return "hydrometer local answers to 127.0.0.1 and localhost only: the header Host names another host, or none"
    origins = headers.get_all("Origin", [])
    if any(origin.strip().lower() != f"http://{hosts[0].strip().lower()}" for origin in origins):
        return "hydrometer local does not answer to pages of other origins: the header Origin names one"
    if any(site.strip().lower() not in ("none", "same-origin") for site in headers.get_all("Sec-Fetch-Site", [])):
        return "hydrometer local does not answer to pages of other sites: the header Sec-Fetch-Site names one"
    return ""
