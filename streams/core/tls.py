"""Why a connection is not made, in words that say what to do: the clients of Kafka and ClickHouse only say that there is none."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final

from streams.core.settings import variable_of

_CONNECT_SECONDS: Final = 5.0
_EXPIRED_CODE: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_UNKNOWN_ISSUER_CODES: Final = frozenset({2, 18, 19, 20, 21})  # X509_V_ERR_* of a chain that ends at nobody we trust
_OTHER_HOST_CODES: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def context(cafile: Path | None) -> ssl.SSLContext:
    """Return what verifies a server's certificate and name, against these authorities (PEM) or the system's."""
    return ssl.create_default_context(cafile=str(cafile) if cafile else None)


def listens(host: str, port: int) -> bool:
    """Say whether anything accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def fault(host: str, port: int, cafile: Path | None, cafile_field: str) -> str | None:
    """Connect once, and return why TLS fails, as the end of a sentence; None when it does not, or when nothing listens.

    Args:
        host: Name of the server, as its certificate must have it.
        port: Its port.
        cafile: Authorities to trust, PEM; the system's when None.
        cafile_field: The field of `Settings` that names them.
    """
    try:
        trusted = context(cafile)
    except (OSError, ssl.SSLError) as error:
        return f"cannot be verified: {variable_of(cafile_field)} names no readable file of certificates ({type(error).__name__})"
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as plain, trusted.wrap_socket(plain, server_hostname=host):
            return None
    except ssl.SSLCertVerificationError as error:
        return _explained(error, host, cafile_field)
    except ssl.SSLError as error:
        return f"speaks no TLS that we know ({error.reason or 'no reason given'}): check its port and protocol"
    except OSError:
        return None


def _explained(error: ssl.SSLCertVerificationError, host: str, cafile_field: str) -> str:
    if error.verify_code == _EXPIRED_CODE:
        return "has a certificate that has expired: renew it there"
    if error.verify_code in _OTHER_HOST_CODES:
        return f"has a certificate of another name than {host}: address it by the name in its certificate"
    if error.verify_code in _UNKNOWN_ISSUER_CODES:
        return f"has a certificate of an unknown authority: set {variable_of(cafile_field)} to the authority's certificate"
    return f"has a certificate that is not valid ({error.verify_message}): replace it there"
