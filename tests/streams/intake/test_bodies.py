"""What a door reads, and what a body unpacks to, however it arrives."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streams.intake import bodies

ENCODINGS = ["br", "BR", "zstd", "compress", "lzw", "gzip, br", "gzip, gzip", "x-gzip", "aes128gcm", "utf-8", "\u00e9"]
MEDIA_TYPES = ["image/png", "multipart/form-data; boundary=x", "application/xml", "text/html", "x/y"]
WORDS = b"quokka " * 100_000


@asynccontextmanager
async def door() -> AsyncIterator[TestClient[Any, Any]]:
    """A server that answers with the number and length of the longest of the pieces, and with the body."""

    async def read(request: web.Request) -> web.Response:
        bodies.check(request, {"text/plain"}, packings=bodies.PACKED)
        try:
            pieces = [piece async for piece in bodies.unpacked(request)]
        except bodies.NotUnpackedError as error:
            raise web.HTTPBadRequest from error
        return web.Response(body=b"".join(pieces), headers={"Longest": str(max(map(len, pieces), default=0))})

    app = web.Application()
    app.router.add_post("/", read)
    server = TestServer(app)
    await server.start_server(**bodies.SERVER)
    async with TestClient(server, headers={"Content-Type": "text/plain"}) as client:
        yield client


async def in_bits(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


async def test_an_encoding_or_a_type_that_is_not_read_is_415_before_a_byte_of_the_body_is_read() -> None:
    async with door() as client:
        for encoding in ENCODINGS:
            assert (await client.post("/", data=b"x", headers={"Content-Encoding": encoding})).status == 415, encoding
        for kind in MEDIA_TYPES:
            assert (await client.post("/", data=b"x", headers={"Content-Type": kind})).status == 415, kind


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("identity", WORDS[:1_000]),
        ("gzip", gzip.compress(WORDS)),
        ("GZip", gzip.compress(WORDS[:70_000]) + gzip.compress(WORDS[70_000:])),
        ("deflate", zlib.compress(WORDS)),
        ("deflate", raw_deflate(WORDS)),
    ],
    ids=["plain", "gzip", "two members", "zlib", "without a head"],
)
async def test_a_body_is_the_same_however_it_is_packed_and_cut(encoding: str, packed: bytes, size: int) -> None:
    async with door() as client:
        answer = await client.post("/", data=in_bits(packed, size), headers={"Content-Encoding": encoding})
        assert answer.status == 200
        assert await answer.read() == (WORDS[:1_000] if encoding == "identity" else WORDS)
        assert int(answer.headers["Longest"]) <= 262_144


BROKEN = [
    ("gzip", b"quokka"),
    ("gzip", gzip.compress(WORDS)[:-1]),
    ("gzip", gzip.compress(WORDS) + b"quokka"),
    ("gzip", gzip.compress(WORDS)[:-8] + bytes(8)),
    ("deflate", zlib.compress(WORDS)[:-1]),
    ("deflate", b"\xff\xff"),
]


@pytest.mark.parametrize(("encoding", "packed"), BROKEN)
async def test_a_body_that_is_not_packed_as_it_says_is_no_body(encoding: str, packed: bytes) -> None:
    async with door() as client:
        assert (await client.post("/", data=packed, headers={"Content-Encoding": encoding})).status == 400
