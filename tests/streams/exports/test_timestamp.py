"""A real authority stamps: openssl's own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from streams.exports.timestamp import MAX_TOKEN_BYTES, TimestampError, timestamp
from streams.testing.http_answers import Asked, answering

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
SIGNATURE = b"the signature of a manifest"
CONFIG = """
[tsa]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate, the key and the configuration of an authority."""
    folder = tmp_path_factory.mktemp("authority")
    (folder / "tsa.conf").write_text(CONFIG)
    (folder / "serial").write_text("01")
    usage = ["-addext", "extendedKeyUsage=critical,timeStamping", "-addext", "keyUsage=critical,digitalSignature"]
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=An authority", "-days", "2"]
    openssl(folder, "req", "-x509", *key, *usage)
    return folder


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def stamped(folder: Path, query: bytes) -> bytes:
    (folder / "query").write_bytes(query)
    signer = ["-section", "tsa", "-config", "tsa.conf", "-signer", "cert.pem", "-inkey", "key.pem"]
    openssl(folder, "ts", "-reply", "-queryfile", "query", *signer, "-out", "reply")
    return (folder / "reply").read_bytes()


def test_openssl_verifies_what_the_authority_gave(authority: Path, tmp_path: Path) -> None:
    with answering(lambda asked: (200, stamped(authority, asked.body))) as url:
        token = timestamp(url, SIGNATURE)
    (tmp_path / "manifest.tsr").write_bytes(token)
    (tmp_path / "manifest.sig").write_bytes(SIGNATURE)
    verify = ["ts", "-verify", "-data", "manifest.sig", "-in", "manifest.tsr", "-CAfile", str(authority / "cert.pem")]
    openssl(tmp_path, *verify)
    (tmp_path / "manifest.sig").write_bytes(b"another signature")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(tmp_path, *verify)


def test_an_answer_to_another_question_is_no_timestamp(authority: Path) -> None:
    answers: list[bytes] = []

    def first_again(asked: Asked) -> tuple[int, bytes]:
        answers.append(stamped(authority, asked.body))
        return 200, answers[0]

    with answering(first_again) as url:
        timestamp(url, SIGNATURE)
        with pytest.raises(TimestampError, match="answered for something else"):
            timestamp(url, SIGNATURE)


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"\x30\x03\x02\x01\x00", b"x" * (MAX_TOKEN_BYTES + 1)])
def test_what_is_no_timestamp_is_refused_in_one_line(body: bytes) -> None:
    with answering(lambda _asked: (200, body)) as url, pytest.raises(TimestampError, match="timestamp authority"):
        timestamp(url, SIGNATURE)


def test_an_authority_that_is_away_or_refuses_is_named_so() -> None:
    with answering(lambda _asked: (503, b"")) as url, pytest.raises(TimestampError, match="HTTP 503"):
        timestamp(url, SIGNATURE)
    with pytest.raises(TimestampError, match="does not answer"):
        timestamp("http://127.0.0.1:9/", SIGNATURE)
