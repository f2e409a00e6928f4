"""Deliveries of Amazon Data Firehose to an HTTP endpoint: their records, and the answer that Firehose reads.

A record is base64. One that came from CloudWatch Logs, as Bedrock's invocation log does, is gzip within it. Firehose takes nothing for a
success but a 200 that repeats the id of its request; it sends again what was answered otherwise, and keeps it in a bucket in the end.
Source: https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

from __future__ import annotations

import binascii
import time
import zlib
from base64 import b64decode
from typing import Any, Final

import orjson

FIREHOSE_PATH: Final = "/v1/firehose"
ACCESS_KEY: Final = "X-Amz-Firehose-Access-Key"
"""Header with the token of the source."""
REQUEST_ID: Final = "X-Amz-Firehose-Request-Id"
MAX_ERROR_CHARACTERS: Final = 2_000
"""Of the 8,192 that Firehose reads."""

_GZIP: Final = b"\x1f\x8b"
_GZIP_BITS: Final = 31
"""What zlib reads by this number of window bits."""


class TooLargeError(Exception):
    """The records of a delivery are larger than a body may be, unpacked."""


def records(delivery: Any, max_bytes: int) -> list[bytes] | None:
    """Return the records of a delivery, unpacked; None when it is no delivery.

    Args:
        delivery: The value of a JSON body.
        max_bytes: Of all records together, unpacked.

    Raises:
        TooLargeError: They are larger.
    """
    listed = delivery.get("records") if isinstance(delivery, dict) else None
    if not isinstance(listed, list):
        return None
    unpacked: list[bytes] = []
    for record in listed:
        data = record.get("data") if isinstance(record, dict) else None
        content = _content(data, max_bytes) if isinstance(data, str) else None
        if content is None:
            return None
        max_bytes -= len(content)
        unpacked.append(content)
    return unpacked


def answer(request_id: str, error: str = "") -> bytes:
    """Return the body of an answer: to which request, when, and what was wrong with it, empty for nothing."""
    said = {"requestId": request_id, "timestamp": round(time.time() * 1000)}
    return orjson.dumps(said | ({"errorMessage": error[:MAX_ERROR_CHARACTERS]} if error else {}))


def _content(data: str, max_bytes: int) -> bytes | None:
    """Return the bytes of a record; None when they are not base64, or packed and cut short."""
    try:
        content = b64decode(data, validate=True)
        unpacked = _unpacked(content, max_bytes) if content.startswith(_GZIP) else content
    except (binascii.Error, ValueError, zlib.error):
        return None
    if unpacked is not None and len(unpacked) > max_bytes:
        raise TooLargeError
    return unpacked


def _unpacked(packed: bytes, max_bytes: int) -> bytes | None:
    member = zlib.decompressobj(_GZIP_BITS)
    unpacked = member.decompress(packed, max_bytes + 1)
    return unpacked if member.eof or len(unpacked) > max_bytes else None
