from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from streams.exports.bundle_signature import BundleSigner, PublicKey


def test_a_secret_always_gives_the_same_key_and_another_secret_another() -> None:
    keys = [BundleSigner(secret).public.fingerprint for secret in (b"one secret", b"one secret", b"another secret")]
    assert keys[0] == keys[1] != keys[2]


def test_a_signature_holds_for_what_was_signed_alone() -> None:
    signer = BundleSigner(b"one secret")
    signature = signer.sign(b"content")
    assert len(signature) == 64
    key = PublicKey.read(signer.public.pem)
    assert key.signed(signature, b"content")
    assert not key.signed(signature, b"other content")
    assert not key.signed(signature[:-1], b"content")
    assert not BundleSigner(b"another secret").public.signed(signature, b"content")


def test_a_file_that_holds_another_kind_of_key_is_refused() -> None:
    elliptic = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for pem in (b"", b"-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----\n", elliptic):
        with pytest.raises(ValueError):  # noqa: PT011 - of three libraries, in three words
            PublicKey.read(pem)
