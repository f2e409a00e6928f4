"""An erased account is in no state of any stage, is not counted again from what topics still contain, and stays where a case is held."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy, deepcopy
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard

from models.durations import DAY
from streams.cases.audit_chain import HistoryKey
from streams.cases.stage import Cases
from streams.core.settings import Settings
from streams.intake.collector import OutgoingBlock, read_files
from streams.replay.in_process import Pipeline
from streams.schema import blocks, layouts, topics
from streams.schema.cases import Case, CaseState
from streams.schema.erasures import ErasureReport
from streams.stages.erased_accounts import ErasedAccounts
from streams.stages.groups.stage import Groups
from streams.stages.stage import Message, Stage

pytestmark = pytest.mark.slow

KEY = b"a key of this test"
PARTITIONS = 2


class Run:
    """A pipeline that has read a morning, and the messages of the last erasure."""

    def __init__(self, morning: Path) -> None:
        self.messages: list[Message] = []
        self.pipeline = Pipeline(PARTITIONS, KEY, self.messages.append)
        self.blocks: list[OutgoingBlock] = list(read_files([morning], Settings(mode="local", partitions=PARTITIONS)))
        for block in self.blocks:
            self.pipeline.feed(block.partition, block.data)
        self.newest = max(stage.state.newest for stage in self.pipeline.accounts)
        self.between = [message for message in self.messages if message.topic in (topics.GROUPS, topics.EVIDENCE)]

    def copy(self) -> Run:
        """Return a run of the same state that a test may change."""
        other = copy(self)
        other.messages = []
        other.pipeline = deepcopy(self.pipeline)
        other.pipeline._on_message = other.messages.append
        return other

    def erase(self, account: str) -> list[ErasureReport]:
        """Erase an account's morning. Said twice it is the same command: it has the same time."""
        self.messages.clear()
        self.pipeline.erase(account, self.newest)
        return [ErasureReport.decode(message.value) for message in self.messages if message.topic == topics.ERASURES]

    def published(self) -> list[Case]:
        return [Case.decode(message.value) for message in self.messages if message.topic == topics.CASES and not message.is_tombstone]

    @property
    def stages(self) -> list[Stage]:
        return [*self.pipeline.accounts, *self.pipeline.groups, self.pipeline.cases]

    def case_of_many(self) -> CaseState:
        return max(self.pipeline.cases.cases.values(), key=lambda case: len(case.members))


def stored(stage: Stage) -> Iterator[bytes]:
    """Yield what a checkpoint would write, unpacked."""
    for name in stage.dirty():
        data = stage.dump(name)
        yield zstandard.decompress(data, max_output_size=1 << 28) if data[:4] == b"\x28\xb5\x2f\xfd" else data


def later(block: OutgoingBlock, begin: float) -> bytes:
    """Return a block whose first event is at `begin`."""
    read = blocks.decode(block.data, layouts.REQUESTS)
    columns = {name: read.batch.column(name) for name in read.batch.schema.names}
    return layouts.REQUESTS.encode({**columns, "time": read.numbers("time") - read.numbers("time").min() + begin})


def known(run: Run, account: str) -> tuple[int, int, int]:
    """Return how often the state of each stage has an account."""
    entities = run.pipeline.cases.book.entities.values()
    return (
        sum(account in stage.table for stage in run.pipeline.accounts),
        sum(key.endswith(f"|{account}") for stage in run.pipeline.groups for key in stage.members.keys if key),
        sum(account in entity.members or entity.entity_id == account for entity in entities),
    )


def contains(data: bytes, account: str) -> bool:
    return account.encode() in data


@pytest.fixture(scope="module")
def read(morning: Path) -> Run:
    return Run(morning)


@pytest.fixture
def run(read: Run) -> Run:
    return read.copy()


def test_an_erased_member_of_a_case_is_in_no_state_of_any_stage(run: Run) -> None:
    account = min(run.case_of_many().members)
    assert account in run.pipeline.cases.book.entities or any(
        account in entity.members for entity in run.pipeline.cases.book.entities.values()
    )
    reports = run.erase(account)
    assert not [stage for stage in run.stages for data in stored(stage) if contains(data, account)]
    # both sides of the snapshot of the cases are written again, so that neither contains the account
    assert not [data for data in stored(run.pipeline.cases) if contains(data, account)]
    assert {(report.stage, report.partition) for report in reports} == {
        ("accounts", topics.partition_of(account, PARTITIONS)), ("groups", 0), ("groups", 1), ("cases", 0), ("cases", 1),
    }  # fmt: skip
    assert sum(report.removed.get("accounts", 0) for report in reports) == 1
    assert sum(report.removed.get("members", 0) for report in reports if report.stage == "groups") >= 1


def test_messages_after_an_erasure_name_the_account_only_where_the_erasure_itself_travels(run: Run) -> None:
    account = min(run.case_of_many().members)
    run.erase(account)
    naming = [message for message in run.messages if contains(message.value, account)]
    assert {message.topic for message in naming} <= {topics.FEEDBACK, topics.GROUPS, topics.EVIDENCE}
    assert all(blocks.decode(message.value, layouts.ERASURES) for message in naming)


def test_the_others_of_its_groups_and_cases_stay(run: Run) -> None:
    case = run.case_of_many()
    account, *others = sorted(case.members)
    members = sum(len(stage.members) for stage in run.pipeline.groups)
    reports = run.erase(account)
    assert sorted(case.members) == others
    assert sum(len(stage.members) for stage in run.pipeline.groups) == members - sum(
        report.removed["members"] for report in reports if report.stage == "groups"
    )
    for stage in run.pipeline.groups:  # each group knows its members, and no free row
        slots = [slot for group in stage.table.slots.tolist() for slot in stage.state.slots(group).tolist()]
        assert sorted(slots) == stage.members.slots.tolist()


def test_the_history_of_a_redacted_case_still_verifies_and_has_one_version_more(run: Run) -> None:
    case = run.case_of_many()
    before = list(case.history)
    run.erase(min(case.members))
    (version,) = [row for row in run.published() if row.case_id == case.case_id]
    history = version.payload.history
    assert history[:-1] == before
    assert HistoryKey().breaks(case.case_id, msgspec.to_builtins(history)) is None


def test_requests_that_a_topic_still_contains_are_not_counted_again_but_new_ones_are(run: Run) -> None:
    account = min(run.case_of_many().members)
    home = run.pipeline.accounts[topics.partition_of(account, PARTITIONS)]
    run.erase(account)
    rows = [block for block in run.blocks if account in blocks.decode(block.data, layouts.REQUESTS).words("account_id")]
    run.pipeline.feed(rows[0].partition, rows[0].data)  # as after a crash, or from a backlog
    assert account not in home.table
    run.pipeline.feed(rows[0].partition, later(rows[0], run.newest + 1.0))
    assert account in home.table


def test_a_command_that_comes_again_erases_nothing_of_what_came_since(run: Run) -> None:
    account = min(run.case_of_many().members)
    run.erase(account)
    assert not any(known(run, account))
    for block in run.blocks:
        run.pipeline.feed(block.partition, later(block, run.newest + 1.0))
    before = known(run, account)
    assert all(before)
    reports = run.erase(account)
    assert {count for report in reports for count in report.removed.values()} <= {0}
    assert known(run, account) == before


def test_an_account_whose_clock_is_ahead_of_the_command_is_erased_and_only_once(run: Run) -> None:
    account = min(run.case_of_many().members)
    home = run.pipeline.accounts[topics.partition_of(account, PARTITIONS)]
    command = home.archive.began(account) - 60.0
    assert all(known(run, account))
    run.pipeline.erase(account, command)
    assert not any(known(run, account)), "what is here when a command comes is of before, whatever its dates"
    for block in run.blocks:
        run.pipeline.feed(block.partition, later(block, run.newest + 1.0))
    before = known(run, account)
    run.pipeline.erase(account, command)
    assert all(before)
    assert known(run, account) == before


def test_a_command_older_than_its_memory_erases_only_what_is_older(run: Run) -> None:
    account = min(run.case_of_many().members)
    before = known(run, account)
    run.pipeline.erase(account, run.newest - 5 * DAY)
    assert known(run, account) == before


def test_an_erased_account_has_no_vote_and_counts_for_no_link(run: Run) -> None:
    account = min(run.case_of_many().members)
    home = run.pipeline.accounts[topics.partition_of(account, PARTITIONS)]
    run.erase(account)
    counted = [home.votes.reference.votes.copy(), home.votes.levels.votes.copy()]
    for part in (home.links, home.votes, home.claims, home.state):
        part.reload()
    np.testing.assert_allclose(home.votes.reference.votes, counted[0], atol=1e-6)
    np.testing.assert_allclose(home.votes.levels.votes, counted[1], atol=1e-6)


def test_an_account_that_nobody_knows_is_erased_without_a_trace(run: Run) -> None:
    reports = run.erase("nobody")
    assert {count for report in reports for count in report.removed.values()} <= {0}
    assert not run.published()


def test_an_erasure_is_forgotten_once_no_topic_can_undo_it() -> None:
    erased = ErasedAccounts(KEY)
    erased.add("ada", 0.0, 0)
    erased.expire(4 * DAY, 1)
    assert len(erased.table) == 1
    erased.expire(4 * DAY + 1, 2)
    assert len(erased.table) == 0


def test_an_erasure_outlives_the_key_that_it_was_remembered_under(run: Run) -> None:
    block = blocks.decode(run.blocks[0].data, layouts.REQUESTS)
    account = block.words("account_id")[0]
    before, after = ErasedAccounts(b"the key of this year"), ErasedAccounts(b"the key of next year")
    before.add(account, np.inf, 0)
    after.table = before.table
    assert len(after.without(block)) == len(block)
    after.read_also(b"the key of this year")
    assert account not in after.without(block).words("account_id")


@pytest.mark.parametrize("restarted", [False, True])
def test_copies_of_rows_between_stages_name_no_account_that_was_erased(run: Run, restarted: bool) -> None:  # noqa: FBT001
    pipeline, account = run.pipeline, min(run.case_of_many().members)
    run.erase(account)
    if restarted:
        for number, groups in enumerate(pipeline.groups):
            pipeline.groups[number] = Groups(number, PARTITIONS, KEY)
            pipeline.groups[number].load([(name, groups.dump(name)) for name in list(groups.dirty())])
        cases, pipeline.cases = pipeline.cases, Cases(seal_key=KEY)
        pipeline.cases.load([(name, cases.dump(name)) for name in list(cases.dirty())])
        pipeline._gathering = {topics.GROUPS: pipeline.groups, topics.EVIDENCE: [pipeline.cases]}
    assert any(contains(message.value, account) for message in run.between)
    pipeline._send(run.between)
    pipeline.drain()
    assert known(run, account) == (0, 0, 0)
    assert run.pipeline.cases.book.entities


def test_a_restart_remembers_an_erasure(run: Run) -> None:
    account = min(run.case_of_many().members)
    home = run.pipeline.accounts[topics.partition_of(account, PARTITIONS)]
    run.erase(account)
    restarted = type(home)(home.state.partition, PARTITIONS, KEY)
    restarted.load([(name, home.dump(name)) for name in list(home.dirty())])
    for block in run.blocks:
        if block.partition == home.state.partition:
            restarted.apply(block.data, 0)
    assert account not in restarted.table
