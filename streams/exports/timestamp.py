"""A trusted timestamp (RFC 3161): an authority, which is not us, says that a bundle's signature existed at a time."""

from __future__ import annotations

from typing import Final

import requests

from streams.core.errors import HydrometerError, MissingToolError

MAX_TOKEN_BYTES: Final = 64 * 1024
_AUTHORITY_SECONDS: Final = 30.0


class TimestampError(HydrometerError):
    """An authority gave no timestamp. The message says what it answered."""


def timestamp(url: str, content: bytes) -> bytes:
    """Ask an authority for a timestamp over some bytes, of which it receives the SHA-512 alone.

    Args:
        url: Address of the authority.
        content: What is stamped.

    Returns:
        Its answer as it came (a TimeStampResp in DER): `openssl ts -verify -in` reads it.

    Raises:
        MissingToolError: The package rfc3161-client is not installed.
        TimestampError: The authority does not answer, refuses, or answers for something else.
    """
    try:
        from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingToolError("a timestamp needs rfc3161-client: pip install 'hydrometer[sharing]'") from error
    request = TimestampRequestBuilder().data(content).nonce(nonce=True).build()
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        answer = requests.post(url, data=request.as_bytes(), headers=headers, timeout=_AUTHORITY_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise TimestampError(f"the timestamp authority does not answer ({type(error).__name__}): try again, or name another") from None
    if not answer.ok or len(answer.content) > MAX_TOKEN_BYTES:
        raise TimestampError(f"the timestamp authority refuses (HTTP {answer.status_code}): name another")
    try:
        response = decode_timestamp_response(answer.content)
        granted, info = response.status in (0, 1), response.tst_info  # granted; granted with modifications
    except ValueError as error:
        raise TimestampError("the timestamp authority's answer is no timestamp (RFC 3161): check its address") from error
    if not granted or info.message_imprint.message != request.message_imprint.message or info.nonce != request.nonce:
        raise TimestampError("the timestamp authority answered for something else, or refused: name another")
    return answer.content
