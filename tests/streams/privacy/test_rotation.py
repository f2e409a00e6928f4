"""A pseudonym key is replaced: while the key before is known, what is linked stays linked, and nothing stays under the old key."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import orjson
import pytest

from models.evidence.links import KEYED, LINKS, NEWEST
from streams.core.errors import BlockLayoutError
from streams.core.settings import Settings
from streams.intake.collector import Collector, read_files
from streams.privacy.rotation import ALIAS_INTERVAL_SECONDS, LINKED_FIELDS
from streams.replay.in_process import Pipeline
from streams.schema import blocks, layouts
from streams.schema.event import FIELDS
from streams.stages.accounts.stage import Accounts

START = 1_790_000_000.0
TEN = [f"account-{number}" for number in range(10)]
OLD, NEW = "the key of this year", "the key of next year"


def collector(key: str, before: str | None = None) -> Collector:
    return Collector(Settings.model_validate({"mode": "local", "partitions": 1, "pseudonym_key": key, "pseudonym_key_previous": before}))


def block(collect: Collector, names: list[str], at: float) -> bytes:
    """Return a request of each account; all pay with one card, from one network, with the same tools."""
    linked = {"payment.hash": "4111", "client.address": "203.0.113.9", "tool_hash": "search"}
    lines = [
        orjson.dumps({"timestamp": START + at + place, "event.id": f"{name} {at}", "account.id": name, **linked})
        for place, name in enumerate(names)
    ]
    collect.add(lines, "test", START + at + len(names))
    (outgoing,) = collect.flush()
    return outgoing.data


def links(accounts: Accounts) -> dict[str, int]:
    """Return how many different values each link has among all accounts."""
    return {link: len(np.unique(accounts.table[link][accounts.table.slots])) for link in KEYED}


def members(pipeline: Pipeline) -> list[int]:
    """Return the sizes of the groups of one card, largest first."""
    (groups,) = pipeline.groups
    sizes = [groups.state.size(slot) for slot in groups.table.slots.tolist() if groups.table.keys[slot].startswith("payment:")]
    return sorted(sizes, reverse=True)


def test_with_the_key_before_all_who_share_a_card_move_when_one_of_them_asks() -> None:
    pipeline = Pipeline(1, b"a key of this test")
    pipeline.feed(0, block(collector(OLD), TEN, at=0.0))
    old = int(pipeline.accounts[0].table["payment"][0])
    pipeline.feed(0, block(collector(NEW, OLD), TEN[:1], at=60.0))
    (accounts,) = pipeline.accounts
    assert links(accounts) == {"payment": 1, "subnet": 1, "tools": 1}
    for link in KEYED:
        assert old not in accounts.table[link]
    assert members(pipeline) == [10, 10], "the old group ends as any other without requests"
    pipeline.feed(0, block(collector(NEW), TEN, at=120.0))
    assert links(accounts) == {"payment": 1, "subnet": 1, "tools": 1}
    assert accounts.table["requests"][accounts.table.slots].tolist() == [3.0, *[2.0] * 9]


def test_without_the_key_before_each_account_moves_alone() -> None:
    pipeline = Pipeline(1, b"a key of this test")
    pipeline.feed(0, block(collector(OLD), TEN, at=0.0))
    pipeline.feed(0, block(collector(NEW), TEN[:1], at=60.0))
    assert links(pipeline.accounts[0]) == {"payment": 2, "subnet": 2, "tools": 2}
    assert members(pipeline) == [10, 1]


def test_a_restart_and_a_repeated_block_change_nothing() -> None:
    first, second = block(collector(OLD), TEN, at=0.0), block(collector(NEW, OLD), TEN[:1], at=60.0)
    accounts, restarted = (Accounts(0, 1, b"a key of this test", {}, shingle_cells=1 << 10) for _ in range(2))
    accounts.apply(first, 0)
    accounts.apply(second, 1)
    restarted.load([(name, accounts.dump(name)) for name in list(accounts.dirty())])
    restarted.apply(second, 1)
    slots = accounts.table.slots
    for name in (*LINKS, "link_weight", "requests"):
        np.testing.assert_array_equal(restarted.table[name], accounts.table[name])
    for link in ("router", "subnet", "tools"):
        np.testing.assert_array_equal(restarted.links.rarity(link, slots), accounts.links.rarity(link, slots))


def test_a_pair_is_sent_once_an_hour_and_again_when_a_block_was_lost() -> None:
    collect = collector(NEW, OLD)
    counts = [len(blocks.decode(block(collect, TEN, at), layouts.REQUESTS).aliases()) for at in (0.0, 60.0, ALIAS_INTERVAL_SECONDS + 60.0)]
    assert counts == [3, 0, 3]
    linked = orjson.dumps({"timestamp": START + 7_300, "event.id": "lost", "account.id": "ada", "payment.hash": "4111"})
    collect.add([linked], "test", START + 7_300)
    (lost,) = collect.flush()
    collect.forget(lost)
    assert len(blocks.decode(block(collect, TEN, 7_400.0), layouts.REQUESTS).aliases()) == 3


@pytest.mark.parametrize(
    "written", [b"x" * 32, b"0" * 31, b"0" * 32 * (blocks.MAX_ALIASES + 1), "\N{GREEK SMALL LETTER ALPHA}".encode() * 16]
)
def test_aliases_of_another_form_refuse_the_block_before_anything_changed(written: bytes) -> None:
    accounts = Accounts(0, 1, b"a key of this test", {}, shingle_cells=1 << 10)
    batch = blocks.decode(block(collector(NEW, OLD), TEN, at=0.0), layouts.REQUESTS).batch
    forged = batch.replace_schema_metadata({**(batch.schema.metadata or {}), b"aliases": written})
    with pytest.raises(BlockLayoutError, match="pairs of hashes"):
        accounts.apply(blocks.encode(forged), 0)
    assert len(accounts.table) == 0


def test_every_link_that_is_a_pseudonym_moves() -> None:
    keyed = {field.column: field.wire for field in FIELDS if field.kind in {"pseudonym", "network"}}
    assert set(KEYED) == {link for link, column in NEWEST.items() if column in keyed}
    assert {keyed[NEWEST[link]] for link in KEYED} == set(LINKED_FIELDS)


# -- what a rotation leaves of cases


def read(lines: list[bytes], folder: Path, pipeline: Pipeline, **keys: str) -> None:
    """Carry lines through a collector with these keys, and through the stages."""
    path = folder / "lines.jsonl"
    path.write_bytes(b"\n".join(lines))
    settings = Settings.model_validate({"mode": "local", "partitions": 2, **keys})
    for outgoing in read_files([path], settings):
        pipeline.feed(outgoing.partition, outgoing.data)


def cases(pipeline: Pipeline) -> dict[str, set[str]]:
    """Return the members of every open case of several accounts."""
    return {name: set(case.members) for name, case in pipeline.cases.cases.items() if len(case.members) > 2 and case.state == "open"}


@pytest.mark.slow
@pytest.mark.parametrize("keeps", [True, False], ids=["side by side", "all at once"])
def test_a_campaign_is_one_case_before_and_after_a_new_key(morning: Path, tmp_path: Path, keeps: bool) -> None:  # noqa: FBT001
    lines = sorted(filter(None, morning.read_bytes().splitlines()), key=lambda line: float(orjson.loads(line)["timestamp"]))
    middle = len(lines) * 2 // 3
    pipeline = Pipeline(2, b"a key of this test")
    read(lines[:middle], tmp_path, pipeline, pseudonym_key=OLD)
    before = cases(pipeline)
    assert before
    read(lines[middle:], tmp_path, pipeline, pseudonym_key=NEW, **({"pseudonym_key_previous": OLD} if keeps else {}))
    after = cases(pipeline)
    for name, members in before.items():
        assert members <= after[name], "the case goes on under its name, and loses nobody"
    assert len(set(chain.from_iterable(after.values()))) == sum(map(len, after.values())), "nobody is in two cases"
