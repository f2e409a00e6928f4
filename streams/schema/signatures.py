"""Who may say what: records that others act on carry a code over all of them, under the key of the role that may write them.

The code is HMAC-SHA256 (RFC 2104) over topic, key, value, signer and time, in the header `signature`. Readers check it before they look at
anything else; what fails is set aside with a reason, and the stream goes on. What `collect` writes carries none: strangers reach that
process, and it holds no key of a role. Kafka's access lists say who may write there (`streams/schema/access.py`).
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, Self

from streams.core.errors import MalformedEventError
from streams.core.keyring import SigningRole, author_key, derived, role_keys
from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.actions import Action, EnforcementDecision, is_by_its_signer
from streams.schema.labels import Label

SIGNED: Final[Mapping[str, SigningRole]] = {
    topics.GROUPS: "worker",
    topics.EVIDENCE: "worker",
    topics.FEEDBACK: "worker",
    topics.SCORES: "worker",
    topics.SHADOW: "worker",
    topics.ALERTS: "worker",
    topics.CASES: "worker",
    topics.ERASURES: "worker",
    topics.LABELS: "analyst",
    topics.ACTIONS: "analyst",
    topics.ENFORCEMENT: "analyst",
}
"""The topics whose records are signed, and the role that may write them."""
_BY_PEOPLE: Final[Mapping[str, type[Action | EnforcementDecision]]] = {
    topics.ACTIONS: Action,
    topics.ENFORCEMENT: EnforcementDecision,
}
SIGNATURE_HEADER: Final = "signature"
ALLOWED_SKEW_SECONDS: Final = 300.0
"""How far the clock of a signer may be ahead of a reader's."""
REASONS: Final = ("unsigned", "bad_signature", "bad_timestamp", "bad_author")
"""Why a record is set aside here, beside what makes it no label."""

_VERSION: Final = "1"
_AUTHOR: Final = "analyst/"
_FORM: Final = re.compile(r"1;([0-9]{1,15});([0-9a-f]{64});(.{1,2100})")

Headers = Iterable[tuple[str, bytes | None]]


class Signatures:
    """Signs and checks the records of one process, with the keys that its settings name."""

    def __init__(self, keys: Mapping[str, Sequence[bytes]], own: tuple[str, bytes] | None = None) -> None:
        """Take the keys of roles, of each the one that signs first, and an author's own key."""
        self._keys = dict(keys)
        self._own = own

    @classmethod
    def of(cls, settings: Settings, *roles: SigningRole) -> Self:
        """Return signatures with the keys of these roles. Raises SettingsError when one is not set."""
        return cls({role: role_keys(settings, role) for role in roles})

    @classmethod
    def of_author(cls, settings: Settings) -> Self:
        """Return what signs labels: an author's own key, else the analysts' key. Raises SettingsError when neither is set."""
        own = author_key(settings)
        return cls({}, own) if own else cls.of(settings, "analyst")

    @property
    def author(self) -> str | None:
        """The only author that these can sign for; None: whichever the analysts' key asserts."""
        return self._own[0] if self._own else None

    @property
    def analyst(self) -> str:
        """How these sign labels: `analyst/<name>` with an author's own key, else `analyst`."""
        return f"{_AUTHOR}{self._own[0]}" if self._own else "analyst"

    def sign(self, topic: str, key: bytes | None, value: bytes, now: float | None = None) -> list[tuple[str, bytes]]:
        """Return the headers that make a record of a topic believed: none where the topic is not signed.

        now: Seconds since 1970; unset: the clock's.
        """
        role = SIGNED.get(topic)
        if role is None:
            return []
        signer, secret = (self.analyst, self._own[1]) if role == "analyst" and self._own else (role, self._keys[role][0])
        milliseconds = f"{(time.time() if now is None else now) * 1000:.0f}"
        code = _code(secret, topic, key, value, signer, milliseconds)
        return [(SIGNATURE_HEADER, f"{_VERSION};{milliseconds};{code};{signer}".encode())]

    def refusal(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, now: float | None = None
    ) -> MalformedEventError | None:
        """Return why a record of a topic is not believed, None where it is, or where the topic is not signed.

        A label must also be of the author whose key signed it, be named after what it labels, and not be later than its signature.
        """
        role = SIGNED.get(topic)
        if role is None:
            return None
        try:
            signer, seconds = self._checked(topic, role, key, value or b"", dict(headers).get(SIGNATURE_HEADER))
            _check_time(topic, seconds, time.time() if now is None else now)
            if topic == topics.LABELS:
                _check_label(Label.decode(value or b""), signer, seconds, key)
            elif topic in _BY_PEOPLE:
                _check_person(_BY_PEOPLE[topic].decode(value or b""), signer, seconds)
        except MalformedEventError as error:
            return error
        return None

    def _checked(self, topic: str, role: SigningRole, key: bytes | None, value: bytes, header: bytes | None) -> tuple[str, float]:
        """Return who signed a record, and when. Raises MalformedEventError."""
        if not header:
            raise MalformedEventError("unsigned", f"a record of {topic} carries no signature of the {role}s")
        parts = _FORM.fullmatch(header.decode(errors="replace"))
        if parts is None:
            raise MalformedEventError("bad_signature", f"the signature of a record of {topic} has another form than ours")
        milliseconds, code, signer = parts.groups()
        keys = self._keys[role]
        if role == "analyst" and signer.startswith(_AUTHOR):
            keys = [own_key(role_key, signer.removeprefix(_AUTHOR)) for role_key in keys]
        elif signer != role:
            raise MalformedEventError("bad_signature", f"a record of {topic} is signed by another than the {role}s")
        expected = [_code(secret, topic, key, value, signer, milliseconds) for secret in keys]
        if not any(hmac.compare_digest(code.encode(), right.encode()) for right in expected):
            raise MalformedEventError("bad_signature", f"the signature of a record of {topic} does not fit it, or is of an unknown key")
        return signer, int(milliseconds) / 1000.0


def own_key(analyst_key: bytes, author: str) -> bytes:
    """Return the key that signs labels of one author alone, derived from the analysts' key."""
    return derived(analyst_key, f"author {author}")


def _check_person(record: Action | EnforcementDecision, signer: str, signed: float) -> None:
    if not is_by_its_signer(record, signer, _AUTHOR):
        raise MalformedEventError("bad_author", "a record names another author or signer than the one whose key signed it")
    if record.time > signed + ALLOWED_SKEW_SECONDS:
        raise MalformedEventError("bad_timestamp", "a record is dated later than it was signed")


def _check_time(topic: str, signed: float, now: float) -> None:
    if signed > now + ALLOWED_SKEW_SECONDS:
        raise MalformedEventError("bad_timestamp", f"a record of {topic} was signed later than now: check the clocks")


def _check_label(label: Label, signer: str, signed: float, key: bytes | None) -> None:
    if label.signer != signer or (signer.startswith(_AUTHOR) and label.author != signer.removeprefix(_AUTHOR)):
        raise MalformedEventError("bad_author", "a label names another author or signer than the one whose key signed it")
    if label.label_id != label.expected_id or key != label.label_id.encode():
        raise MalformedEventError("bad_author", "a label's id is not that of its author and entity")
    if label.time > signed + ALLOWED_SKEW_SECONDS:
        raise MalformedEventError("bad_timestamp", "a label is dated later than it was signed")


def _code(secret: bytes, topic: str, key: bytes | None, value: bytes, signer: str, milliseconds: str) -> str:
    """Return the code of a record. Each part goes in behind its length, so that no two records have one input."""
    made = hmac.new(secret, digestmod=sha256)
    for part in (_VERSION.encode(), topic.encode(), b"" if key is None else b"key" + key, signer.encode(), milliseconds.encode(), value):
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
