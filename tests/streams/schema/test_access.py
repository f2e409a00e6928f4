"""The rights of each Kafka user are what its code reads and writes, no less and no more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clickhouse import rows
from streams.exports import forward
from streams.schema import access, topics
from streams.worker.app import STATEFUL

ROOT = Path(__file__).resolve().parents[3]
ROLES = {role.name: role for role in access.ROLES}


def sent_by(*rooms: str) -> set[str]:
    """The topics to which the code of some rooms sends: `Message(topics.X, ...)` and `producer.send(topics.X, ...)`."""
    paths = [path for room in rooms for path in ((ROOT / room).rglob("*.py") if (ROOT / room).is_dir() else [ROOT / room])]
    return {getattr(topics, name) for path in paths for name in _first_arguments(ast.parse(path.read_text()))}


def _first_arguments(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Attribute) and call.args[0].attr.isupper():
            named = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if named in {"Message", "send"}:
                yield call.args[0].attr


def test_the_worker_reads_the_inputs_of_its_agents_and_keeps_their_state() -> None:
    inputs = [module.INPUTS for module in STATEFUL.values()]
    assert set(ROLES["worker"].reads) == {topic for each in inputs for topic in (each.topic, each.feedback) if topic}
    assert set(ROLES["worker"].readers) == set(ROLES["worker"].state_of) == set(STATEFUL)


def test_the_worker_writes_what_its_stages_send() -> None:
    assert set(ROLES["worker"].writes) == sent_by(
        "streams/stages", "streams/cases/casebook.py", "streams/cases/versions.py", "streams/worker/partition.py"
    )


def test_the_store_reads_what_becomes_rows_and_writes_nothing() -> None:
    assert set(ROLES["store"].reads) == set(rows.STORED)
    assert set(ROLES["store"].writes) == sent_by("streams/clickhouse", "streams/worker/agents/store.py") == set()


def test_collect_writes_blocks_and_dead_letters_alone() -> None:
    assert set(ROLES["collect"].writes) == sent_by("streams/intake/block_producer.py")


def test_an_analyst_writes_labels_and_an_exporter_reads_alerts() -> None:
    assert set(ROLES["analyst"].writes) == sent_by("streams/cases/labels.py") | {topics.ACTIONS, topics.ENFORCEMENT}
    assert ROLES["exporter"].readers == (forward.READER,)


def test_a_backup_reads_all_there_is_and_writes_nothing() -> None:
    rights = {
        (operation, name) for grant in access.grants() if grant.role == "backup" for operation in grant.operations for name in grant.names
    }
    read = {topic.name for topic in topics.TOPICS} | {topics.changelog(agent) for agent in STATEFUL}
    assert rights == {*(("Read", name) for name in read), ("Describe", "hydrometer-")}
    assert all(topics.group_of(reader).startswith("hydrometer-") for reader in topics.READERS)


def test_every_consumer_group_and_every_topic_belongs_to_somebody() -> None:
    assert {reader for role in access.ROLES for reader in role.readers} >= set(topics.READERS)
    assert {topic for role in access.ROLES for topic in role.writes} == {topic.name for topic in topics.TOPICS}
    assert {topic for role in access.ROLES for topic in role.reads} == {topic.name for topic in topics.TOPICS}


@pytest.mark.parametrize("topic", [topic.name for topic in topics.TOPICS if topic.name != topics.DEAD_LETTERS])
def test_every_topic_has_one_writer_beside_who_erases(topic: str) -> None:
    assert len([role for role in access.ROLES if topic in role.writes and role.name != "privacy"]) == 1


def test_the_script_in_deploy_is_made_of_the_table() -> None:
    assert (ROOT / "deploy/kafka/acls.sh").read_text() == access.script(), "run `make render`"
