"""Who may read and write which topic: the least rights of each role, and `deploy/kafka/acls.sh`, which is made of them.

`python -m streams.schema.access` prints the script, and `streams.schema.strimzi_users` the same rights as resources of Kubernetes. A role
is a Kafka user of its own; a process that plays two roles (a worker that also stores) needs the rights of both. Grafana has no Kafka
user: it reads ClickHouse alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from streams.core.output import echo
from streams.schema import topics

_STATEFUL: Final = (topics.ACCOUNTS_AGENT, topics.GROUPS_AGENT, topics.CASES_AGENT)
OPERATOR: Final = "operator"
"""Makes topics, and reads their sizes and lags: `hydrometer topics` and `hydrometer doctor`."""


@dataclass(frozen=True)
class Role:
    """What one Kafka user may do."""

    name: str
    does: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    """Readers of `streams.schema.topics.READERS`, each a consumer group."""
    named_readers: bool = False
    """Whether each is also the beginning of the names of more groups, one a destination."""
    watches: tuple[str, ...] = ()
    """Readers whose progress it looks at."""
    state_of: tuple[str, ...] = ()
    """Agents whose state it keeps, each in a changelog that Faust makes."""
    saves: bool = False
    """Whether it reads all there is, changelogs and the offsets of every consumer group of ours too."""

    @property
    def changelogs(self) -> list[str]:
        """Return the changelogs of its agents."""
        return [topics.changelog(agent) for agent in self.state_of]


ROLES: Final = (
    Role("gateway", "sends events by Kafka instead of HTTP", writes=(topics.REQUESTS_RAW,)),
    Role(
        topics.COLLECT,
        "`hydrometer collect`",
        reads=(topics.REQUESTS_RAW,),
        writes=(topics.REQUESTS, topics.DEAD_LETTERS),
        readers=(topics.COLLECT,),
    ),
    Role(
        "worker",
        "`hydrometer worker accounts groups cases`",
        reads=(topics.REQUESTS, topics.FEEDBACK, topics.GROUPS, topics.EVIDENCE, topics.LABELS),
        writes=(
            topics.GROUPS,
            topics.EVIDENCE,
            topics.FEEDBACK,
            topics.SCORES,
            topics.SHADOW,
            topics.ALERTS,
            topics.CASES,
            topics.ERASURES,
            topics.DEAD_LETTERS,
        ),
        readers=_STATEFUL,
        state_of=_STATEFUL,
    ),
    Role(
        "store",
        "`hydrometer worker store`",
        reads=(
            topics.REQUESTS,
            topics.SCORES,
            topics.SHADOW,
            topics.ALERTS,
            topics.CASES,
            topics.LABELS,
            topics.ACTIONS,
            topics.ENFORCEMENT,
            topics.DEAD_LETTERS,
        ),
        readers=(topics.STORE_AGENT,),
    ),
    Role(
        "analyst",
        "`hydrometer label`, `hydrometer case split`, `hydrometer desk`, `hydrometer enforcement`, `hydrometer export case`",
        writes=(topics.LABELS, topics.ACTIONS, topics.ENFORCEMENT),
    ),
    Role(
        "privacy",
        "`hydrometer forget`",
        reads=(topics.ERASURES,),
        writes=(topics.FEEDBACK, topics.LABELS),
        watches=(topics.STORE_AGENT,),
    ),
    Role(
        "backup",
        "`hydrometer backup`",
        reads=tuple(topic.name for topic in topics.TOPICS),  # of requests-raw it saves nothing, and counts what waits there
        saves=True,
    ),
    Role("exporter", "`hydrometer export ocsf`", reads=(topics.ALERTS, topics.CASES), readers=("ocsf",), named_readers=True),
)
"""Every role but the operator, who may make and describe everything and read nothing."""


@dataclass(frozen=True)
class Grant:
    """Rights of a role on resources of one kind, in Kafka's words: `Read`, `Write`, `Describe`, `Create`, `IdempotentWrite`."""

    role: str
    operations: tuple[str, ...]
    kind: str
    """`topic`, `group` or `cluster`."""
    names: tuple[str, ...] = ()
    """None of the cluster. Read and Write include Describe."""
    prefixed: bool = False
    """Whether the names are beginnings of names."""


def grants() -> Iterator[Grant]:
    """Yield the rights of every role."""
    names = tuple(topic.name for topic in topics.TOPICS)
    yield Grant(OPERATOR, ("Create", "Describe"), "cluster")
    yield Grant(OPERATOR, ("Describe", "DescribeConfigs"), "topic", names)
    yield Grant(OPERATOR, ("Describe",), "group", tuple(topics.group_of(reader) for reader in topics.READERS))
    for role in ROLES:
        if role.state_of or role.watches or topics.STORE_AGENT in role.readers:  # a worker looks whether all topics are there
            yield Grant(role.name, ("Describe",), "topic", names)
        if topics.STORE_AGENT in role.readers:  # Faust's producer numbers what it sends, and asks for that before it sends anything
            yield Grant(role.name, ("IdempotentWrite",), "cluster")
        if role.reads:
            yield Grant(role.name, ("Read",), "topic", role.reads)
        if role.writes:
            yield Grant(role.name, ("Write",), "topic", role.writes)
        if role.saves:
            yield Grant(role.name, ("Read",), "topic", tuple(topics.changelog(agent) for agent in _STATEFUL))
            yield Grant(role.name, ("Describe",), "group", (f"{topics.APP}-",), prefixed=True)
        if role.changelogs:
            yield Grant(role.name, ("Create", "Read", "Write"), "topic", tuple(role.changelogs))
        if role.watches:
            yield Grant(role.name, ("Describe",), "group", tuple(topics.group_of(reader) for reader in role.watches))
        if role.readers:
            yield Grant(role.name, ("Read",), "group", tuple(topics.group_of(reader) for reader in role.readers), role.named_readers)


def script() -> str:
    """Return the script that makes the users and their rights."""
    lines = [_HEAD]
    lines += [f"user {name} # {does}" for name, does in users()]
    lines += ["", *map(_line, grants())]
    return "\n".join(lines) + "\n"


def users() -> list[tuple[str, str]]:
    """Return name and commands of each user, the operator first."""
    return [(OPERATOR, "`hydrometer topics`, `hydrometer doctor`"), *((role.name, role.does) for role in ROLES)]


def _line(grant: Grant) -> str:
    operations = " ".join(f"--operation {operation}" for operation in grant.operations)
    resources = "--cluster" if grant.kind == "cluster" else " ".join(f"--{grant.kind} {name}" for name in grant.names)
    pattern = " --resource-pattern-type prefixed" if grant.prefixed else ""
    return f"allow {grant.role} {operations} {resources}{pattern}"


_HEAD: Final = r"""#!/usr/bin/env bash
# Kafka's users and what each may do, the least that its commands need. Made by `make render`.
# The brokers need `authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer` and a SASL_SSL listener.
# Run it as a superuser of the brokers; each user's password is the file of its name in $PASSWORDS (made when it is missing):
#   KAFKA_BIN=/opt/kafka/bin BOOTSTRAP=broker:9093 ADMIN=admin.properties PASSWORDS=secrets/kafka deploy/kafka/acls.sh
set -euo pipefail

user() {
    mkdir -p "$PASSWORDS"
    [ -s "$PASSWORDS/$1" ] || (umask 077 && openssl rand -hex 32 > "$PASSWORDS/$1")
    "$KAFKA_BIN/kafka-configs.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --alter --entity-type users --entity-name "$1" \
        --add-config-file <(printf 'SCRAM-SHA-512=password=%s\n' "$(cat "$PASSWORDS/$1")") # no argument: others see those
}

allow() {
    local name=$1
    shift
    "$KAFKA_BIN/kafka-acls.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add --allow-principal "User:$name" "$@"
}
"""


if __name__ == "__main__":
    echo(script(), nl=False)
