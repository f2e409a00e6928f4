"""Who may say what: each way in which a record can be forged is refused for a reason, and never quoted."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from streams.cases import labels
from streams.core.keyring import ROLES, role_keys
from streams.core.settings import SECRETS, Settings
from streams.schema import topics
from streams.schema.labels import Label
from streams.schema.signatures import ALLOWED_SKEW_SECONDS, REASONS, SIGNATURE_HEADER, SIGNED, Headers, Signatures, own_key

NOW = 1_790_000_000.0
VALUE = b"what a worker says"
ALL_ROLES = "the secret of all roles"


def production(**given: str) -> Settings:
    return Settings.model_validate({**dict.fromkeys(SECRETS, "not of interest here"), **given})


def signatures(**given: str) -> Signatures:
    return Signatures.of(production(**given), "worker", "analyst")


OURS, THEIRS = signatures(signing_key=ALL_ROLES), signatures(signing_key="a secret that somebody guessed")
ADA = Signatures({}, ("ada", own_key(role_keys(production(signing_key=ALL_ROLES), "analyst")[0], "ada")))


def reason(topic: str, key: bytes | None, value: bytes, headers: Headers, now: float = NOW, by: Signatures = OURS) -> str | None:
    error = by.refusal(topic, key, value, headers, now)
    return error.reason if error else None


def a_label(author: str = "ada", signer: str = "analyst", time: float = NOW - 10) -> Label:
    return msgspec.structs.replace(labels.make("case", "case-1", "benign", author, at=time), signer=signer)


def labelled(label: Label, by: Signatures = OURS, key: bytes | None = None) -> str | None:
    key, value = key or label.label_id.encode(), label.encode()
    return reason(topics.LABELS, key, value, by.sign(topics.LABELS, key, value, NOW))


@pytest.mark.parametrize("topic", sorted(SIGNED.keys() - {topics.LABELS, topics.ACTIONS, topics.ENFORCEMENT}))
def test_what_a_role_signed_is_believed_and_nothing_else_of_it_is(topic: str) -> None:
    headers = OURS.sign(topic, b"key", VALUE, NOW)
    assert reason(topic, b"key", VALUE, headers) is None
    assert reason(topic, b"key", VALUE + b"!", headers) == "bad_signature"
    assert reason(topic, b"kez", VALUE, headers) == "bad_signature"
    assert reason(topic, None, VALUE, headers) == "bad_signature"
    assert reason(topic, b"", b"key" + VALUE, headers) == "bad_signature"
    assert reason(topic, b"key", VALUE, []) == "unsigned"
    assert reason(topic, b"key", VALUE, THEIRS.sign(topic, b"key", VALUE, NOW)) == "bad_signature"


def test_a_record_of_one_topic_is_none_of_another() -> None:
    headers = OURS.sign(topics.ALERTS, b"key", VALUE, NOW)
    assert reason(topics.CASES, b"key", VALUE, headers) == "bad_signature"


def test_every_bit_of_the_header_counts() -> None:
    [(name, header)] = OURS.sign(topics.CASES, b"key", VALUE, NOW)
    changed = [
        bytes(byte ^ (bit if place == where else 0) for place, byte in enumerate(header))
        for where in range(len(header))
        for bit in (1, 128)
    ]
    assert {reason(topics.CASES, b"key", VALUE, [(name, each)]) for each in changed} == {"bad_signature"}


@pytest.mark.parametrize(
    "header", [None, b"", b";", b"1;;;", b"1;1;1", b"\xff" * 10_000, b"1;" + b"9" * 5000 + b";00;worker", b"2;1;00;worker"]
)
def test_a_header_of_another_form_is_refused(header: bytes | None) -> None:
    assert reason(topics.CASES, b"key", VALUE, [(SIGNATURE_HEADER, header)]) in {"unsigned", "bad_signature"}


def test_a_worker_cannot_label_and_an_analyst_cannot_say_what_workers_say() -> None:
    worker, analyst = (Signatures.of(production(signing_key=ALL_ROLES), role) for role in ROLES)
    label = a_label()
    with pytest.raises(KeyError):
        worker.sign(topics.LABELS, label.label_id.encode(), label.encode(), NOW)
    forged = [(SIGNATURE_HEADER, worker.sign(topics.CASES, b"key", VALUE, NOW)[0][1].replace(b"worker", b"analyst"))]
    assert reason(topics.LABELS, b"key", VALUE, forged) == "bad_signature"
    with pytest.raises(KeyError):
        analyst.sign(topics.EVIDENCE, None, VALUE, NOW)


def test_while_two_keys_are_valid_each_is_believed_and_the_new_one_signs() -> None:
    first, second = "the first signing key", "the second signing key"
    old, new, both = (
        signatures(signing_key=first),
        signatures(signing_key=second),
        signatures(signing_key=second, signing_key_previous=first),
    )
    for signer, reader in ((old, both), (new, both), (both, new)):
        assert reason(topics.CASES, b"k", VALUE, signer.sign(topics.CASES, b"k", VALUE, NOW), by=reader) is None
    assert reason(topics.CASES, b"k", VALUE, both.sign(topics.CASES, b"k", VALUE, NOW), by=old) == "bad_signature"


def test_a_record_from_the_future_is_refused_but_a_clock_may_be_five_minutes_ahead() -> None:
    headers = OURS.sign(topics.CASES, b"k", VALUE, NOW + ALLOWED_SKEW_SECONDS)
    assert reason(topics.CASES, b"k", VALUE, headers, now=NOW) is None
    assert reason(topics.CASES, b"k", VALUE, headers, now=NOW - 1) == "bad_timestamp"


def test_the_desk_labels_for_any_author_and_says_that_it_does() -> None:
    assert labelled(a_label("ada")) is None
    assert labelled(a_label("grace")) is None
    assert labelled(a_label("ada", signer="analyst/ada")) == "bad_author"
    assert labelled(a_label("ada", signer="")) == "bad_author"


def test_an_authors_own_key_signs_labels_of_that_author_alone() -> None:
    assert ADA.author == "ada"
    assert labelled(a_label("ada", signer="analyst/ada"), ADA) is None
    assert labelled(a_label("grace", signer="analyst/ada"), ADA) == "bad_author"
    assert labelled(a_label("ada", signer="analyst"), ADA) == "bad_author"
    grace = [(SIGNATURE_HEADER, ADA.sign(topics.LABELS, b"k", VALUE, NOW)[0][1].replace(b"analyst/ada", b"analyst/grace"))]
    assert reason(topics.LABELS, b"k", VALUE, grace) == "bad_signature"


def test_no_author_replaces_the_label_of_another() -> None:
    graces = a_label("grace").label_id
    taken = msgspec.structs.replace(a_label("ada", signer="analyst/ada"), label_id=graces)
    assert labelled(taken, ADA) == "bad_author"
    assert labelled(a_label("ada", signer="analyst/ada"), ADA, key=graces.encode()) == "bad_author"


def test_a_label_is_not_later_than_its_signature() -> None:
    assert labelled(a_label(time=NOW + ALLOWED_SKEW_SECONDS)) is None
    assert labelled(a_label(time=NOW + ALLOWED_SKEW_SECONDS + 1)) == "bad_timestamp"
    assert labelled(a_label(time=NOW - 365 * 86_400)) is None, "what a person decided a year ago may be sent again"


def test_what_is_no_label_is_refused_although_it_is_signed() -> None:
    assert reason(topics.LABELS, b"k", b"[]", OURS.sign(topics.LABELS, b"k", b"[]", NOW)) == "not_object"


def test_all_that_workers_and_analysts_write_is_signed_and_the_rest_is_read_without() -> None:
    unsigned = {topic.name for topic in topics.TOPICS} - SIGNED.keys()
    assert unsigned == {topics.REQUESTS_RAW, topics.REQUESTS, topics.DEAD_LETTERS}, "say in SIGNED of schema/signatures.py who signs it"
    for topic in unsigned:
        assert OURS.sign(topic, None, VALUE, NOW) == []
        assert reason(topic, None, VALUE, []) is None


def every_reason() -> Iterator[str | None]:
    yield reason(topics.CASES, b"k", VALUE, [])
    yield reason(topics.CASES, b"k", VALUE, THEIRS.sign(topics.CASES, b"k", VALUE, NOW))
    yield reason(topics.CASES, b"k", VALUE, OURS.sign(topics.CASES, b"k", VALUE, NOW), now=0.0)
    yield labelled(a_label(signer="nobody"))


def test_the_list_of_reasons_is_whole() -> None:
    assert tuple(every_reason()) == REASONS
