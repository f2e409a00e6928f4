"""Who may say what, asked of the real processes: on each signed topic a key of another role, epoch, topic or author is worth nothing.

The topics are those that the schema signs. What is sent is no record at all, so that a reader either does not believe its signature, or
believes it and finds nothing in it: the reason of its dead letter says which.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from kafka import KafkaProducer

from streams.clickhouse import rows
from streams.core.keyring import ROLES, role_keys
from streams.core.settings import Settings
from streams.devserver.system import System, local_system
from streams.schema import topics
from streams.schema.labels import Label, label_id
from streams.schema.signatures import REASONS, SIGNED, Signatures, own_key
from streams.testing.processes import hydrometer, wait_until_read
from streams.worker.agents import accounts, cases, groups

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NOW, BEFORE, STRANGE = "of-this-year-and-for-this-test", "of-last-year-and-for-this-test", "of-somebody-else-altogether"
NOTHING: Final = b"no record of anybody's"
HOUR_SECONDS: Final = 3600.0
_INPUTS: Final = (accounts.INPUTS, groups.INPUTS, cases.INPUTS)
READERS: Final[Mapping[str, Sequence[str]]] = {
    **{inputs.agent: [name for name in (inputs.topic, inputs.feedback) if name is not None and name in SIGNED] for inputs in _INPUTS},
    topics.STORE_AGENT: [name for name in rows.STORED if name in SIGNED],
}
"""Of each process, the signed topics that it reads. `forget` alone reads the erasures."""


def settings_with(secret: str) -> Settings:
    return Settings.model_validate({"mode": "local", "signing_key": secret})


def signer(secret: str) -> Signatures:
    return Signatures.of(settings_with(secret), *ROLES)


def forgeries(topic: str) -> Iterator[tuple[bytes | None, list[tuple[str, bytes]], str]]:
    """Yield key, headers and reason of what nobody may believe on a topic, whichever epochs are known."""
    role, insider = SIGNED[topic], signer(NOW)
    (name, code), *_ = insider.sign(topic, None, NOTHING)
    moved = next(other for other in SIGNED if other != topic and SIGNED[other] == role)
    foreign = next(other for other in SIGNED if SIGNED[other] != role)
    yield None, [], "unsigned"
    yield None, [(name, b"")], "unsigned"
    yield None, [(name, code[:-1])], "bad_signature"
    yield None, [(name, b"2" + code[1:])], "bad_signature"
    yield None, signer(STRANGE).sign(topic, None, NOTHING), "bad_signature"
    yield None, insider.sign(moved, None, NOTHING), "bad_signature"
    yield None, insider.sign(foreign, None, NOTHING), "bad_signature"
    (_, other), *_ = insider.sign(foreign, None, NOTHING)
    yield None, [(name, other.rpartition(b";")[0] + b";" + role.encode())], "bad_signature"
    yield b"another key", [(name, code)], "bad_signature"
    yield None, insider.sign(topic, None, NOTHING + b"!"), "bad_signature"
    yield None, insider.sign(topic, None, NOTHING, now=time.time() + HOUR_SECONDS), "bad_timestamp"


def labels() -> Iterator[tuple[bytes, bytes, list[tuple[str, bytes]], str]]:
    """Yield key, value, headers and reason of labels that a good key of another author, or a late hand, signed."""
    ada = Signatures({}, ("ada", own_key(role_keys(settings_with(NOW), "analyst")[0], "ada")))

    def label(author: str, signed_by: str, at: float) -> Label:
        return Label(label_id("account", "acct-1", author), at, "account", "acct-1", "benign", author, "", signed_by)

    now = time.time()
    cases_of = [
        (label("bob", "analyst/ada", now), "bad_author"),
        (label("ada", "analyst", now), "bad_author"),
        (label("ada", "analyst/bob", now), "bad_author"),
        (label("ada", "analyst/ada", now + HOUR_SECONDS), "bad_timestamp"),
    ]
    for one, reason in cases_of:
        value = one.encode()
        yield one.label_id.encode(), value, ada.sign(topics.LABELS, one.label_id.encode(), value), reason
    good = label("ada", "analyst/ada", now).encode()
    yield b"another", good, ada.sign(topics.LABELS, b"another", good), "bad_author"


def send_all(system: System) -> Counter[tuple[str, str]]:
    """Put all of it onto every signed topic, and what the key of before signed; return how many of each topic have which reason."""
    reasons: Counter[tuple[str, str]] = Counter()
    with closing(KafkaProducer(bootstrap_servers=system.settings.kafka)) as producer:
        for topic in SIGNED:
            for key, headers, reason in forgeries(topic):
                producer.send(topic, NOTHING, key=key, headers=headers, partition=0).get(20)
                reasons[topic, reason] += 1
            producer.send(topic, NOTHING, headers=signer(BEFORE).sign(topic, None, NOTHING), partition=0).get(20)
        for name, value, headers, reason in labels():
            producer.send(topics.LABELS, value, key=name, headers=headers, partition=0).get(20)
            reasons[topics.LABELS, reason] += 1
    return reasons


def refused(system: System) -> Counter[tuple[str, str]]:
    """Return the dead letters of signed topics by source and reason, those of each reader of a topic."""
    with system.client() as client:
        stored = client.execute("SELECT source, reason, sum(count) FROM dead_letters GROUP BY source, reason")
    return Counter({(source, reason): int(count) for source, reason, count in stored if source in SIGNED})


def read_all(system: System, folder: Path, epochs: dict[str, str]) -> Counter[tuple[str, str]]:
    """Let every process read all that is there under these secrets; return the dead letters."""
    given = {name.removeprefix("HYDROMETER_"): value for name, value in system.environment().items() if name.startswith("HYDROMETER_")}
    with hydrometer("worker", log=folder / "worker", **{**given, **epochs, "CHECKPOINT_SECONDS": "1"}) as worker:
        for reader, names in READERS.items():
            wait_until_read(system.settings, reader, *names, running=worker)
        wait_until_read(system.settings, topics.STORE_AGENT, topics.DEAD_LETTERS, running=worker)
        give_up, before = time.monotonic() + 60, Counter[tuple[str, str]]()
        while (letters := refused(system)) != before or not letters:
            assert time.monotonic() < give_up
            before = letters
            time.sleep(5)
    return letters


def test_every_signed_topic_has_a_reader_here() -> None:
    assert SIGNED.keys() - {name for names in READERS.values() for name in names} == {topics.ERASURES}


def test_a_key_of_another_role_epoch_topic_or_author_is_believed_on_no_topic(tmp_path: Path) -> None:
    with local_system(tmp_path / "system", partitions=1) as system:
        times = Counter(name for names in READERS.values() for name in names)
        expected = Counter({(topic, reason): count * times[topic] for (topic, reason), count in send_all(system).items() if times[topic]})
        both = read_all(system, tmp_path, {"SIGNING_KEY": NOW, "SIGNING_KEY_PREVIOUS": BEFORE})
        believed = {
            topic: sum(count for (name, reason), count in both.items() if name == topic and reason not in REASONS) for topic in times
        }
        assert Counter({key: count for key, count in both.items() if key[1] in REASONS}) == expected
        assert believed == dict(times), "what the key of before signed is believed while that key is known"
        again = Counter({(topic, reason): count * times[topic] for (topic, reason), count in send_all(system).items() if times[topic]})
        again.update({(topic, "bad_signature"): count for topic, count in times.items()})
        alone = read_all(system, tmp_path, {"SIGNING_KEY": NOW})
        assert alone - both == again
