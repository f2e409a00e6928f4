"""A client's packets: its hello and its queries."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from streams.devserver import sql
from streams.devserver.wire import ProtocolError, WireReader

REVISION, OLDEST = 54459, 54429
SECRET, TRACE, DEPTH, START_TIME, REPLICAS, PARAMETERS = 54441, 54442, 54448, 54449, 54453, 54459
IMPORTANT_FLAG = 1
UNKNOWN_SETTING_CODE = 115


@dataclass(frozen=True)
class Hello:
    """A client's user, password and revision of the protocol."""

    revision: int
    database: str
    user: str
    password: str


def read_hello(reader: WireReader) -> Hello:
    """Read the first packet.

    Raises:
        ProtocolError: it is something else.
    """
    if reader.varint():
        raise ProtocolError("the first packet must be a hello of ClickHouse's native protocol")
    reader.text()  # the client's name
    reader.varint(), reader.varint()  # its version
    return Hello(reader.varint(), reader.text(), reader.text(), reader.text())


@dataclass(frozen=True)
class Query:
    """A statement with its settings and parameters."""

    text: str
    settings: dict[str, str]
    params: dict[str, str]
    compressed: bool


def read_query(reader: WireReader, revision: int, known: AbstractSet[str], most: int) -> Query:
    """Read a query packet of at most `most` bytes of text, from a client of this protocol `revision`.

    Settings that are not `known` are dropped, as ClickHouse does, unless the client calls them important.

    Raises:
        ProtocolError: malformed, too long, or an important setting is unknown.
    """
    reader.text()  # the query's id
    _skip_client_info(reader, revision)
    settings = _read_settings(reader, most)
    for name, (_, flags) in settings.items():
        if name not in known and flags & IMPORTANT_FLAG:
            raise ProtocolError(f"Unknown setting '{name[:200]}'", UNKNOWN_SETTING_CODE)
    if revision >= SECRET:
        reader.text()
    reader.varint()  # the stage: always the last
    compressed = bool(reader.varint())
    words = reader.text(most)
    params = _read_settings(reader, most) if revision >= PARAMETERS else {}
    return Query(
        words,
        {name: value for name, (value, _) in settings.items() if name in known},
        {name: sql.unquote(value) for name, (value, _) in params.items()},
        compressed,
    )


def _skip_client_info(reader: WireReader, revision: int) -> None:
    if not reader.byte():
        return
    for _ in range(3):  # the initial user, query and address
        reader.text()
    reader.take(8 * (revision >= START_TIME) + 1)
    for _ in range(3):  # the client's user, host and name
        reader.text()
    for _ in range(3):  # its version
        reader.varint()
    reader.text()  # the quota key
    for _ in range(1 + (revision >= DEPTH)):  # the depth of a distributed query, the patch of the version
        reader.varint()
    if revision >= TRACE and reader.byte():
        reader.take(24)
        reader.text()
        reader.byte()
    for _ in range(3 * (revision >= REPLICAS)):
        reader.varint()


def _read_settings(reader: WireReader, most: int) -> dict[str, tuple[str, int]]:
    """Return value and flags of each setting; at most `most` bytes together."""
    settings: dict[str, tuple[str, int]] = {}
    while name := reader.text():
        flags, value = reader.varint(), reader.text(most)
        settings[name] = value, flags
        most -= len(name) + len(value) + 2
        if most < 0:
            raise ProtocolError("the settings of a query are too long", 131)
    return settings
