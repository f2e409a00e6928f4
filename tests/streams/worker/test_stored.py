"""A record of state: what its stamp and its code tell."""

from __future__ import annotations

import hmac

from streams.worker.stored import NO_OFFSET, Seal, Stamp, Stored

SEAL = Seal(b"the seal key of these tests")


def test_a_record_opens_with_its_stamp_and_its_bytes() -> None:
    packed = SEAL.packed(b"0/chunk/a", Stamp(3, 50, 40), b"counts")
    assert SEAL.opened(b"0/chunk/a", packed) == Stored(Stamp(3, 50, 40), b"counts")


def test_one_changed_bit_anywhere_is_noticed() -> None:
    packed = SEAL.packed(b"0/chunk/a", Stamp(3, 50, 40), b"counts")
    for place in range(len(packed)):
        assert SEAL.opened(b"0/chunk/a", bytes([*packed[:place], packed[place] ^ 1, *packed[place + 1 :]])) is None


def test_a_record_of_another_key_or_another_writer_does_not_open() -> None:
    packed = SEAL.packed(b"0/chunk/a", Stamp(3, 50, 40), b"counts")
    assert SEAL.opened(b"0/chunk/b", packed) is None
    assert Seal(b"somebody else's key").opened(b"0/chunk/a", packed) is None
    assert SEAL.opened(b"0/chunk/a", b"") is None
    assert SEAL.opened(b"0/chunk/a", None) is None


def test_a_record_from_before_there_were_epochs_still_opens() -> None:
    body = (50).to_bytes(8, "big", signed=True) + b"counts of many accounts"
    old = body + hmac.digest(b"the seal key of these tests", b"0/chunk/a" + body, "sha256")[:16]
    assert SEAL.opened(b"0/chunk/a", old) == Stored(Stamp(0, 50, NO_OFFSET), b"counts of many accounts")
