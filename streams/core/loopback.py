"""Local mode keeps to its machine: it has keys that everybody knows, so it listens on the loopback interface alone."""

from __future__ import annotations

import ipaddress

from streams.core.errors import SettingsError
from streams.core.settings import Settings


def is_loopback(host: str) -> bool:
    """Say whether a host to listen on is reached from this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, True, False, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_host(settings: Settings, host: str) -> None:
    """Raise SettingsError when a process in local mode is about to listen elsewhere than on loopback."""
    if settings.mode == "local" and not is_loopback(host):
        raise SettingsError(
            f"local mode listens on loopback alone, not on {host}: use 127.0.0.1, or HYDROMETER_MODE=production with real keys"
        )
