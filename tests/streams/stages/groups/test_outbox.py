"""Messages of a block: which partition of accounts receives which verdict."""

from __future__ import annotations

import math

from streams.schema import blocks, topics
from streams.schema.blocks import VerdictRow, decode
from streams.stages.groups.outbox import Outbox
from streams.stages.groups.state import GroupState

PARTITIONS = 2


def verdicts(outbox: Outbox) -> dict[int, list[VerdictRow]]:
    """Every verdict that was sent, by partition."""
    rows: dict[int, list[VerdictRow]] = {}
    for message in outbox.messages(GroupState(0, PARTITIONS, {}), {}):
        block = decode(message.value, blocks.VERDICTS)
        columns = (block.texts("account_id"), *(block.hashes(name).tolist() for name in ("template", "router", "upgrade")))
        rows[message.partition] = list(map(VerdictRow, *columns, block.numbers("until").tolist()))
    return rows


def test_an_empty_outbox_sends_nothing() -> None:
    assert verdicts(Outbox()) == {}


def test_a_suspect_is_told_to_the_partition_of_its_account_alone() -> None:
    home = topics.partition_of("ada", PARTITIONS)
    assert verdicts(Outbox(suspects={"ada": 60.0})) == {home: [VerdictRow("ada", until=60.0)]}


def test_a_shared_template_and_an_upgrade_are_told_to_every_partition() -> None:
    upgrade = VerdictRow(router=7, upgrade=9, until=60.0)
    sent = verdicts(Outbox(templates=[5], upgrades=[upgrade]))
    assert sent.keys() == {0, 1}
    for template, router in sent.values():
        assert (template.template, template.account_id, math.isnan(template.until)) == (5, None, True)
        assert router == upgrade
