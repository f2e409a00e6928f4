from __future__ import annotations

import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.devserver.wire import DisconnectedError, PatientSocket, ProtocolError, WireReader, text, varint


def test_a_number_takes_seven_bits_a_byte() -> None:
    assert (varint(0), varint(127), varint(128), varint(300)) == (b"\x00", b"\x7f", b"\x80\x01", b"\xac\x02")


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_read_as_it_was_written(value: int) -> None:
    assert WireReader.over(varint(value)).varint() == value


@given(st.text())
def test_a_string_is_read_as_it_was_written(value: str) -> None:
    assert WireReader.over(text(value)).text(10_000) == value


@given(st.lists(st.binary(min_size=1), min_size=1))
def test_pieces_make_no_difference(pieces: list[bytes]) -> None:
    arriving = iter(pieces)
    whole = b"".join(pieces)
    assert WireReader(lambda: next(arriving, b"")).take(len(whole)) == whole


def test_a_string_over_the_limit_is_refused_before_it_arrives() -> None:
    with pytest.raises(ProtocolError, match="exceeds the limit of 10 bytes"):
        WireReader.over(varint(11)).text(10)


def test_an_endless_number_is_refused() -> None:
    with pytest.raises(ProtocolError, match="64 bits"):
        WireReader.over(b"\xff" * 20).varint()


def test_the_end_in_the_middle_of_a_string_is_told() -> None:
    with pytest.raises(DisconnectedError):
        WireReader.over(text("word")[:-1]).text()


def test_patience_ends_at_its_deadline_though_bytes_still_come() -> None:
    here, there = socket.socketpair()
    with here, there:
        patience = PatientSocket(here)
        there.sendall(b"xyz")
        patience.allow(0.2)
        assert patience.receive(1) == b"x"
        time.sleep(0.3)
        with pytest.raises(DisconnectedError, match="slow"):
            patience.receive(1)
