"""Signs bundles with Ed25519 (RFC 8032): who holds the public key can check one with openssl alone, and can make none."""

from __future__ import annotations

import hashlib
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from streams.core.keyring import derived


class BundleSigner:
    """The private key of this deployment's bundles, derived from HYDROMETER_EVIDENCE_KEY."""

    def __init__(self, secret: bytes) -> None:
        """Derive the key."""
        self._key = Ed25519PrivateKey.from_private_bytes(derived(secret, "evidence bundle"))

    @property
    def public(self) -> PublicKey:
        """The key that checks what this one signs."""
        return PublicKey(self._key.public_key())

    def sign(self, content: bytes) -> bytes:
        """Return the signature of some bytes, 64 bytes."""
        return self._key.sign(content)


class PublicKey:
    """A key that checks signatures. It is no secret."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        """Keep the key."""
        self._key = key

    @classmethod
    def read(cls, pem: bytes) -> Self:
        """Read a PEM file.

        Raises:
            ValueError: It holds no Ed25519 public key.
        """
        key = load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - the file's content is wrong, not the caller's type
        return cls(key)

    @property
    def pem(self) -> bytes:
        """The key as openssl reads it: SubjectPublicKeyInfo in PEM."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key's DER form, 64 hex digits: what two people compare by telephone."""
        return hashlib.sha256(self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def signed(self, signature: bytes, content: bytes) -> bool:
        """Return whether the private key of this one signed these bytes."""
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True
