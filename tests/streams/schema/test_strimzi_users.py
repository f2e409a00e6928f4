"""Strimzi's users have the rights of `streams.schema.access`, no less and no more."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from streams.schema import access, strimzi_users

ROOT = Path(__file__).resolve().parents[3]


class Resource(msgspec.Struct):
    type: str
    name: str = ""
    patternType: str = "literal"  # noqa: N815 - Strimzi's name


class Rule(msgspec.Struct):
    resource: Resource
    operations: list[str]


class Authorization(msgspec.Struct):
    acls: list[Rule]


class Spec(msgspec.Struct):
    authorization: Authorization


class Metadata(msgspec.Struct):
    name: str
    labels: dict[str, str]


class User(msgspec.Struct):
    metadata: Metadata
    spec: Spec


USERS = [msgspec.convert(each, User) for each in yaml.safe_load_all(strimzi_users.manifests())]


def test_each_user_has_the_rights_of_its_role() -> None:
    rendered = {
        (user.metadata.name, rule.resource.type, rule.resource.name, rule.resource.patternType == "prefix", operation)
        for user in USERS
        for rule in user.spec.authorization.acls
        for operation in rule.operations
    }
    granted = {
        (grant.role, grant.kind, name, grant.prefixed, operation)
        for grant in access.grants()
        for name in grant.names or ("",)
        for operation in grant.operations
    }
    assert rendered == granted


def test_every_user_is_there_once_and_of_the_cluster_of_the_example() -> None:
    assert [user.metadata.name for user in USERS] == [name for name, _ in access.users()]
    kafka = yaml.safe_load((ROOT / "deploy/helm/examples/strimzi.yaml").read_text().split("---")[0])
    assert {user.metadata.labels["strimzi.io/cluster"] for user in USERS} == {kafka["metadata"]["name"]}


def test_the_example_is_made_of_the_table() -> None:
    assert (ROOT / "deploy/helm/examples/strimzi-users.yaml").read_text() == strimzi_users.manifests(), "run `make render`"
