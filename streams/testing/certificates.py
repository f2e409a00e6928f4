"""An authority of its own for a test, and certificates for servers on this machine: valid, expired, of another name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY: Final = timedelta(days=1)


class Authority:
    """Issues certificates into a directory."""

    def __init__(self, directory: Path, name: str = "the authority of a test") -> None:
        """Make the authority's key and its certificate, `<directory>/ca.pem`."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.cafile = directory / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basics = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(*(use in {"key_cert_sign", "crl_sign"} for use in _USES))
        own = self._builder(self._name, self._key, -DAY, 30 * DAY).add_extension(basics, critical=True).add_extension(usage, critical=True)
        self.cafile.write_bytes(own.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def issue(self, host: str, *, expired: bool = False) -> Path:
        """Return a PEM file with the key and the certificate of a server of this name."""
        key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = self._builder(subject, key, -20 * DAY, -DAY if expired else 30 * DAY).add_extension(names, critical=False)
        certificate = builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)
        path = self.directory / f"{host}{'-expired' if expired else ''}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate)
        return path

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, ends: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number(), now + begins, now + ends)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return made.add_extension(own, critical=False).add_extension(issuer, critical=False)


_USES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
