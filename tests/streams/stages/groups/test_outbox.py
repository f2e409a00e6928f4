"""Messages of a block: which partition of accounts receives which feedback."""

from __future__ import annotations

import math

from models.evidence.families import FAMILIES
from streams.schema import blocks, layouts, topics
from streams.schema.blocks import decode
from streams.schema.layouts import FeedbackRow
from streams.stages.groups.outbox import GroupOutbox
from streams.stages.groups.state import GroupState
from streams.testing.block_rows import evidence_of

PARTITIONS = 2


def feedback(outbox: GroupOutbox) -> dict[int, list[FeedbackRow]]:
    """All feedback that was sent, by partition."""
    rows: dict[int, list[FeedbackRow]] = {}
    for message in outbox.messages(GroupState(0, PARTITIONS, {}), {}):
        block = decode(message.value, layouts.FEEDBACK)
        columns = (block.texts("account_id"), *(block.hashes(name).tolist() for name in ("template", "router", "upgrade")))
        rows[message.partition] = list(map(FeedbackRow, *columns, block.numbers("until").tolist()))
    return rows


def test_an_empty_outbox_sends_nothing() -> None:
    assert feedback(GroupOutbox()) == {}


def test_a_suspect_is_told_to_the_partition_of_its_account_alone() -> None:
    home = topics.partition_of("ada", PARTITIONS)
    assert feedback(GroupOutbox(suspects={"ada": 60.0})) == {home: [FeedbackRow("ada", until=60.0)]}


def test_a_shared_template_and_an_upgrade_are_told_to_every_partition() -> None:
    upgrade = FeedbackRow(router=7, upgrade=9, until=60.0)
    sent = feedback(GroupOutbox(templates=[5], upgrades=[upgrade]))
    assert sent.keys() == {0, 1}
    for template, router in sent.values():
        assert (template.template, template.account_id, math.isnan(template.until)) == (5, None, True)
        assert router == upgrade


def test_evidence_of_500_000_members_is_split_into_blocks_that_can_be_sent_and_none_is_lost() -> None:
    accounts = [f"acct-{number:012x}" for number in range(500_000)]
    outbox = GroupOutbox(evidence=[evidence_of(accounts)])
    messages = outbox.messages(GroupState(0, PARTITIONS, {}), {"features": ["one"], "families": list(FAMILIES)})
    assert max(len(message.value) for message in messages) <= blocks.MAX_MESSAGE_BYTES < topics.MAX_RECORD_BYTES
    read = [account for message in messages for account in decode(message.value, layouts.EVIDENCE).texts("account_id")]
    assert read == accounts
