"""The names of every topic, agent, table and consumer group, and the administration of topics (`kafka-python`).

Names are constants because Faust would otherwise derive them from module paths: a moved function would silently move its topic.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final, Required, TypedDict

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewTopic, OffsetSpec
from kafka.errors import AuthorizationError, KafkaError, TopicAlreadyExistsError
from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt, stop_never, wait_fixed
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from models.durations import DAY_HOURS
from streams.core import record_checksums, tls
from streams.core.errors import BrokerAwayError, BrokerUnavailableError, SettingsError
from streams.core.settings import Settings

_log = logging.getLogger(__name__)

REQUESTS_RAW: Final = "requests-raw"
REQUESTS: Final = "requests"
GROUPS: Final = "groups"
EVIDENCE: Final = "evidence"
FEEDBACK: Final = "feedback"
SCORES: Final = "scores"
SHADOW: Final = "shadow"
ALERTS: Final = "alerts"
CASES: Final = "cases"
LABELS: Final = "labels"
ACTIONS: Final = "actions"
ENFORCEMENT: Final = "enforcement"
ERASURES: Final = "erasures"
DEAD_LETTERS: Final = "dead-letters"

APP: Final = "hydrometer"
"""The prefix of every consumer group and changelog."""

ACCOUNTS_AGENT: Final = "accounts"
GROUPS_AGENT: Final = "groups"
CASES_AGENT: Final = "cases"
STORE_AGENT: Final = "store"
COLLECT: Final = "collect"
READERS: Final = (COLLECT, ACCOUNTS_AGENT, GROUPS_AGENT, CASES_AGENT, STORE_AGENT)
"""All that read topics, in the order of the flow. Each is a consumer group of its own: `group_of(reader)`."""

STATE_TABLE: Final = "state"
"""The Faust table of an agent's chunks."""

MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
"""The largest record that we send: a block of 4,096 events takes 1 MB as a rule, far more when every text is long and new."""

_HOUR_MS = 3_600_000

COMPACTED_WITHIN_HOURS: Final = 48
"""Time after which a compacted topic no longer contains what was replaced or removed: a day until compaction, a day for the tombstone."""
COMPACTION: Final = {"max.compaction.lag.ms": str(24 * _HOUR_MS), "delete.retention.ms": str(24 * _HOUR_MS)}
"""Configuration of compacted topics: without a largest lag, Kafka never compacts the newest segment."""
CHANGELOG_CONFIG: Final[Mapping[str, str]] = {
    "max.message.bytes": str(MAX_RECORD_BYTES),
    "min.compaction.lag.ms": str(_HOUR_MS),  # if two workers both own a partition for a moment, the wrong one cannot erase the last hour
    **COMPACTION,
}
"""Configuration of changelogs, beside `cleanup.policy=compact`, which Faust sets."""
SEND_TIMEOUT_SECONDS: Final = 30.0
"""Time within which the broker takes one record of a command."""
_BOOTSTRAP_TIMEOUT_MS = 10_000  # for the first answer of a broker
_RETRY_SECONDS = 5.0  # between two such attempts of a process that serves


@dataclass(frozen=True)
class Topic:
    """A topic: what its records are partitioned by, and how long the broker keeps them."""

    name: str
    partitioned_by: str
    retention_hours: int
    """After this time a record ends; when compacted, the last record of each key, and earlier ones long before."""
    compacted: bool = False
    stamped: bool = False
    """Whether a record's time is the broker's, which no writer can choose."""
    single: bool = False
    """One partition, because one agent must see everything."""
    names_accounts: bool = True
    """Whether a record can name an account."""

    def partitions(self, settings: Settings) -> int:
        """Return how many partitions the topic has under these settings."""
        return 1 if self.single else settings.partitions

    @property
    def configs(self) -> dict[str, str]:
        """Return the topic's configuration in Kafka's words."""
        keep = {"retention.ms": str(self.retention_hours * _HOUR_MS)}
        if self.compacted:
            keep |= {"cleanup.policy": "compact,delete", **COMPACTION}
        if self.stamped:
            keep |= {"message.timestamp.type": "LogAppendTime"}
        return {**keep, "max.message.bytes": str(MAX_RECORD_BYTES)}


TOPICS: Final = (
    Topic(REQUESTS_RAW, partitioned_by="anything", retention_hours=24),
    Topic(REQUESTS, partitioned_by="account", retention_hours=72, stamped=True),
    Topic(GROUPS, partitioned_by="group", retention_hours=24),
    Topic(EVIDENCE, partitioned_by="entity", retention_hours=72, single=True),
    Topic(FEEDBACK, partitioned_by="account", retention_hours=72),
    Topic(SCORES, partitioned_by="entity", retention_hours=72),
    Topic(SHADOW, partitioned_by="entity", retention_hours=72),
    Topic(ALERTS, partitioned_by="alert", retention_hours=400 * DAY_HOURS, compacted=True),
    Topic(CASES, partitioned_by="case", retention_hours=400 * DAY_HOURS, compacted=True),
    Topic(LABELS, partitioned_by="label", retention_hours=3 * 365 * DAY_HOURS, compacted=True, single=True),
    Topic(ACTIONS, partitioned_by="action", retention_hours=72, single=True),
    Topic(ENFORCEMENT, partitioned_by="decision", retention_hours=72, single=True),
    Topic(ERASURES, partitioned_by="erasure", retention_hours=72, single=True, names_accounts=False),
    Topic(DEAD_LETTERS, partitioned_by="nothing", retention_hours=14 * DAY_HOURS, names_accounts=False),
)
"""Every topic but the changelogs, which Faust makes itself."""


def group_of(reader: str) -> str:
    """Return the consumer group of one of `READERS`, which is also its Faust application id."""
    return f"{APP}-{reader}"


def agent_of(group: str) -> str:
    """Return the reader of a consumer group, for metrics and log lines.

    >>> agent_of("hydrometer-accounts")
    'accounts'
    """
    return group.removeprefix(f"{APP}-")


def changelog(agent: str) -> str:
    """Return the topic in which Faust keeps an agent's state: `hydrometer-<agent>-state-changelog`."""
    return f"{group_of(agent)}-{STATE_TABLE}-changelog"


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key: CRC-32 of its UTF-8 bytes, modulo `partitions`. Replay uses the same."""
    return zlib.crc32(key.encode()) % partitions


class ClientOptions(TypedDict, total=False):
    """What every client of kafka-python needs to reach the brokers and to log in, in its own words."""

    bootstrap_servers: Required[list[str]]
    security_protocol: Required[str]
    ssl_cafile: str
    sasl_mechanism: str | None
    sasl_plain_username: str | None
    sasl_plain_password: str


def client_options(settings: Settings) -> ClientOptions:
    """Return where the brokers are and how to log in, for any client of kafka-python."""
    record_checksums.compute_in_c()
    options = ClientOptions(bootstrap_servers=settings.kafka.split(","), security_protocol=settings.kafka_security_protocol)
    if settings.kafka_ssl_cafile:
        options["ssl_cafile"] = str(settings.kafka_ssl_cafile)
    if settings.kafka_sasl_password:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    return options


def ensure(settings: Settings) -> dict[str, str]:
    """Make every topic that is missing, and return what each one was: `created` or `present`.

    Raises SettingsError when a topic exists with another number of partitions (accounts would be split over two states),
    BrokerUnavailableError when no broker answers.
    """
    with administration(settings) as admin:
        existing = _partitions(admin)
        _refuse_other_counts(existing, settings)
        for topic in TOPICS:
            if topic.name not in existing:
                _create(admin, topic, settings)
    return {topic.name: "present" if topic.name in existing else "created" for topic in TOPICS}


def missing(settings: Settings) -> list[str]:
    """Return the topics that `ensure` would make, and raise what it would raise."""
    with administration(settings) as admin:
        existing = _partitions(admin)
    _refuse_other_counts(existing, settings)
    return [topic.name for topic in TOPICS if topic.name not in existing]


def records(settings: Settings, *names: str) -> dict[str, int]:
    """Return how many records each of these topics has ever had."""
    with administration(settings) as admin:
        parts = {each["name"]: len(each["partitions"]) for each in admin.describe_topics([*names])}
        tps = [TopicPartition(name, number) for name, count in parts.items() for number in range(count)]
        ends = admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.LATEST))
    return {name: sum(ends[tp].offset for tp in tps if tp.topic == name) for name in names}


def ends(settings: Settings, names: Iterable[str]) -> dict[TopicPartition, int]:
    """Return the end of each partition of these topics: the offset of the next record. Raises BrokerUnavailableError."""
    partitions = [
        TopicPartition(topic.name, number) for topic in TOPICS if topic.name in names for number in range(topic.partitions(settings))
    ]
    with administration(settings) as admin:
        found = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return {tp: found[tp].offset for tp in partitions}


@contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """Catch what kafka-python raises within this context: the caller gets one line, with what to do.

    Raises:
        BrokerAwayError: No broker answers.
        BrokerUnavailableError: A broker refuses.
    """
    try:
        yield
    except KafkaError as error:
        refusal = _refusal(settings, error)
        if refusal is not None:
            raise BrokerUnavailableError(f"Kafka at {settings.kafka} {refusal}") from error
        reason = type(error).__name__.removesuffix("Error")
        raise BrokerAwayError(f"Kafka at {settings.kafka} does not answer ({reason}): start it, or set HYDROMETER_KAFKA") from error


class Patience(TypedDict):
    """How tenacity tries again, in its own words."""

    retry: retry_base
    wait: wait_base
    stop: stop_base
    before_sleep: Callable[[RetryCallState], None]
    reraise: bool


def patience(settings: Settings) -> Patience:
    """Return tenacity's options for the start of a process that serves: while no broker answers it waits, and logs a line each time.

    In local mode it does not wait: there a person looks at the terminal. What a broker refuses is raised in both modes.
    """
    return Patience(
        retry=retry_if_exception_type(BrokerAwayError),
        wait=wait_fixed(_RETRY_SECONDS),
        stop=stop_after_attempt(1) if settings.mode == "local" else stop_never,
        before_sleep=_report_away,
        reraise=True,
    )


def _report_away(state: RetryCallState) -> None:
    _log.warning("%s; waiting for it", state.outcome and state.outcome.exception())


def _refusal(settings: Settings, error: KafkaError) -> str | None:
    """Return what Kafka refuses and what to do, as the end of a sentence; None when it does not answer."""
    reason, user = type(error).__name__.removesuffix("Error"), settings.kafka_sasl_username
    if isinstance(error, AuthorizationError) or AuthorizationError.__name__.removesuffix("Error") in str(error):  # a producer wraps it
        return f"does not allow this to {user} ({reason}): give it the rights of its role, see deploy/kafka/acls.sh"
    servers = [(host, int(port)) for host, _, port in (server.rpartition(":") for server in settings.kafka.split(","))]
    if settings.kafka_security_protocol.endswith("SSL"):
        faults = (tls.fault(host, port, settings.kafka_ssl_cafile, "kafka_ssl_cafile") for host, port in servers)
        if fault := next(filter(None, faults), None):
            return fault
    if settings.kafka_security_protocol.startswith("SASL") and any(
        tls.listens(*server) for server in servers
    ):  # it hangs up without a word
        return f"does not let {user} log in: check HYDROMETER_KAFKA_SASL_USERNAME and HYDROMETER_KAFKA_SASL_PASSWORD (or its _FILE)"
    return None


@contextmanager
def administration(settings: Settings) -> Iterator[KafkaAdminClient]:
    """Yield a client that administrates the brokers, and close it at the end. Raises as `answering`."""
    with answering(settings):
        admin = KafkaAdminClient(**client_options(settings), client_id=APP, bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS)
        with closing(admin):
            yield admin


def _partitions(admin: KafkaAdminClient) -> Mapping[str, int]:
    names = set(admin.list_topics()) & {topic.name for topic in TOPICS}
    return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(sorted(names))} if names else {}


def _refuse_other_counts(existing: Mapping[str, int], settings: Settings) -> None:
    for topic in TOPICS:
        count, wanted = existing.get(topic.name), topic.partitions(settings)
        if count is not None and count != wanted:
            advice = "recreate the topic" if topic.single else f"set HYDROMETER_PARTITIONS={count}, or recreate all topics"
            raise SettingsError(f"topic {topic.name} has {count} partitions, the settings say {wanted}: {advice}")


def _create(admin: KafkaAdminClient, topic: Topic, settings: Settings) -> None:
    wanted = NewTopic(topic.name, topic.partitions(settings), settings.replication, topic_configs=topic.configs)
    try:
        admin.create_topics([wanted], wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another process was faster, with the same settings
        return
