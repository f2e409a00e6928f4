from __future__ import annotations

import pytest
from tenacity import Retrying, wait_none

from streams.core.errors import BrokerAwayError, BrokerUnavailableError
from streams.core.settings import SECRETS, Settings
from streams.schema import topics
from streams.schema.access import ROLES

LOCAL = Settings(mode="local")


def test_a_key_keeps_its_partition() -> None:
    # a version that placed them elsewhere would split every account over two states
    assert [topics.partition_of(key, 4) for key in ("acct-1", "acct-2", "acct-3", "")] == [1, 3, 1, 0]


def test_keys_spread_evenly_over_partitions() -> None:
    counts = [0] * 4
    for number in range(4_000):
        counts[topics.partition_of(f"acct-{number}", 4)] += 1
    assert all(900 < count < 1_100 for count in counts)


def test_every_topic_has_one_specification_a_writer_and_a_reader() -> None:
    names = [topic.name for topic in topics.TOPICS]
    assert len(names) == len(set(names))
    for right in ("writes", "reads"):
        used = {name for role in ROLES for name in getattr(role, right)}
        assert used == set(names), f"say in ROLES of streams/schema/access.py who {right} each topic of TOPICS, and no other"


def test_of_what_is_a_state_the_last_record_of_each_key_is_kept() -> None:
    assert {topic.name for topic in topics.TOPICS if topic.compacted} == {topics.ALERTS, topics.CASES, topics.LABELS}


def test_what_the_cases_read_has_one_partition_and_the_rest_as_many_as_set() -> None:
    counts = {topic.name: topic.partitions(LOCAL) for topic in topics.TOPICS}
    singles = (topics.EVIDENCE, topics.LABELS, topics.ACTIONS, topics.ENFORCEMENT, topics.ERASURES)
    assert {counts.pop(name) for name in singles} == {1}
    assert set(counts.values()) == {4}


def test_a_day_of_retention_in_kafkas_words() -> None:
    topic = topics.Topic("t", partitioned_by="nothing", retention_hours=24)
    assert topic.configs["retention.ms"] == "86400000"


def test_the_state_of_an_agent_has_one_changelog_by_rule() -> None:
    assert topics.changelog(topics.ACCOUNTS_AGENT) == "hydrometer-accounts-state-changelog"


def test_the_login_reaches_the_clients() -> None:
    options = topics.client_options(
        Settings(
            mode="local",
            kafka="a:1,b:2",
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_username="us",
            kafka_sasl_password="pass",  # type: ignore[arg-type]
        )
    )
    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("us", "pass")


@pytest.mark.parametrize(("mode", "attempts"), [("local", 1), ("production", 3)])
def test_who_serves_waits_for_a_broker_that_is_away_but_in_front_of_a_person(mode: str, attempts: int) -> None:
    secrets = {name: f"only-for-this-test-{name}" for name in SECRETS}
    patience = topics.patience(Settings.model_validate({"mode": mode, **secrets}))
    patience["wait"] = wait_none()
    answers = [BrokerAwayError("away"), BrokerAwayError("away"), BrokerUnavailableError("wrong password")]
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        raise answers[asked - 1]

    with pytest.raises(BrokerUnavailableError):
        Retrying(**patience)(ask)
    assert asked == attempts


def test_a_broker_that_is_away_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_BOOTSTRAP_TIMEOUT_MS", 300)
    with pytest.raises(BrokerUnavailableError, match=r"^Kafka at 127.0.0.1:1 does not answer .*: start it, or set HYDROMETER_KAFKA$"):
        topics.ensure(Settings(mode="local", kafka="127.0.0.1:1"))
