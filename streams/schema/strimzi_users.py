"""The users of `streams.schema.access` as Strimzi's resources: `deploy/helm/examples/strimzi-users.yaml`, printed by this module.

Strimzi's user operator draws each user's password into a Secret of the user's name, under the key `password`.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

import yaml

from streams.core.output import echo
from streams.schema import access

CLUSTER: Final = "hydrometer"
"""The name of Kafka in `deploy/helm/examples/strimzi.yaml`."""
_HEAD: Final = "# Kafka's users and what each may do, as resources of Strimzi: the rights of deploy/kafka/acls.sh. Made by `make render`.\n"


def manifests() -> str:
    """Return a KafkaUser for each role, as YAML."""
    grants = {name: list(each) for name, each in groupby(sorted(access.grants(), key=_role), key=_role)}
    users = [(f"# {does}\n", _user(name, grants[name])) for name, does in access.users()]
    return _HEAD + "---\n".join(comment + yaml.safe_dump(user, sort_keys=False, width=140) for comment, user in users)


def _role(grant: access.Grant) -> str:
    return grant.role


def _user(name: str, grants: list[access.Grant]) -> dict[str, object]:
    rules = [rule for grant in grants for rule in _rules(grant)]
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": CLUSTER}},
        "spec": {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": rules}},
    }


def _rules(grant: access.Grant) -> list[dict[str, object]]:
    pattern = "prefix" if grant.prefixed else "literal"
    named: list[dict[str, str]] = [{"type": grant.kind, "name": name, "patternType": pattern} for name in grant.names]
    return [{"resource": resource, "operations": list(grant.operations)} for resource in named or [{"type": grant.kind}]]


if __name__ == "__main__":
    echo(manifests(), nl=False)
