"""The cases stage as a whole: bad input, crashes at any block, and what it writes."""

from __future__ import annotations

import random

import pytest

from streams.cases import labels
from streams.cases.stage import Cases
from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.schema import topics
from streams.testing.block_rows import Row
from streams.testing.case_desk import CARD, FEW, ROUTER, TEMPLATE, CaseDesk, a_group, an_account, known_links

OTHER_ROUTER = "00000000000000bb"
DAY = 86400.0


def test_a_row_that_is_older_than_what_is_known_changes_nothing(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", at=100.0, extraction=20.0, requests=100.0))
    desk.apply(an_account("ada", at=50.0, extraction=1.0, requests=50.0))
    assert desk.stage.book.entities["account:ada"].extraction == 20.0


# -- one case or two


@pytest.mark.parametrize("bad", [b"", b"{", b"[]", b'{"verdict": "guilty"}', b'{"time": 1, "label_id": 5}'])
def test_a_bad_label_is_refused_before_anything_changes(desk: CaseDesk, bad: bytes) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    with pytest.raises(MalformedEventError):
        desk.stage.apply_feedback(bad, 0)
    assert desk.stage.book.labels == {}
    assert len(desk.open) == 1


def test_a_block_of_another_layout_is_refused_before_anything_changes(desk: CaseDesk) -> None:
    with pytest.raises(BlockLayoutError):
        desk.stage.apply(b"not a block", 0)
    assert desk.stage.dirty() == {}


# -- permitted parties


def story() -> list[list[Row]]:
    """Groups that grow, meet and fall silent."""
    rng = random.Random(4)
    blocks = [known_links()]
    for turn in range(30):
        at, size = 700.0 * turn, 3 + turn // 3
        kind, name = rng.choice([("router", ROUTER), ("payment", CARD), ("template", TEMPLATE), ("router", OTHER_ROUTER)])
        members = [f"{'b' if name == OTHER_ROUTER else 'a'}{number}" for number in range(size)]
        blocks.append(a_group(kind, name, members, at=at, requests=10.0 + 5 * turn))
        blocks.append([an_account(f"a{turn % 4}", at=at, extraction=14.0 + turn % 5, requests=10.0 * turn)])
    return [*blocks, [an_account("zoe", at=4 * DAY)]]


def chunks_of(stage: Cases) -> list[tuple[str, bytes]]:
    return [(chunk, stage.dump(chunk)) for chunk in sorted(stage.dirty())]


@pytest.mark.parametrize("crash", [1, 7, 20, 41, 61])
def test_a_crash_at_any_block_ends_in_the_same_cases(crash: int) -> None:
    whole = CaseDesk()
    for rows in story():
        whole.apply(*rows)
    stage = Cases()
    for offset, value in enumerate(whole.blocks[:crash]):
        stage.apply(value, offset)
    kept = dict(chunks_of(stage))
    for offset, value in enumerate(whole.blocks[crash : crash + 5], start=crash):
        stage.apply(value, offset)  # all of this is lost with the process
    again = Cases()
    again.load(kept.items())
    for offset, value in enumerate(whole.blocks[max(crash - 3, 0) :], start=max(crash - 3, 0)):
        again.apply(value, offset)
    assert again.cases == whole.stage.cases
    assert (again.book.alerts, again.book.entities) == (whole.stage.book.alerts, whole.stage.book.entities)


def test_blocks_that_are_read_again_publish_nothing_again() -> None:
    desk = CaseDesk()
    for rows in story():
        desk.apply(*rows)
    again = Cases()
    again.load(chunks_of(desk.stage))
    assert [message for offset, value in enumerate(desk.blocks) for message in again.apply(value, offset)] == []
    assert again.dirty() == {}


def test_a_crash_while_chunks_are_written_leaves_the_snapshot_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cases.stage.MAX_ROWS_PER_CHUNK", 5)
    whole = CaseDesk()
    for rows in story():
        whole.apply(*rows)
    stage = Cases()
    kept: dict[str, bytes] = {}
    for offset, value in enumerate(whole.blocks[:40]):
        stage.apply(value, offset)
        if offset == 20:
            kept.update(chunks_of(stage))
    half = sorted(stage.dirty())
    assert len(half) > 2
    kept.update((chunk, stage.dump(chunk)) for chunk in half[:2])
    again = Cases()
    again.load(kept.items())
    for offset, value in enumerate(whole.blocks[15:], start=15):
        again.apply(value, offset)
    assert again.cases == whole.stage.cases


def test_what_is_not_written_yet_is_dirty_from_its_first_change_on(desk: CaseDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cases.stage.MAX_ROWS_PER_CHUNK", 2)
    desk.apply(*a_group("router", ROUTER, FEW))
    first = desk.stage.dirty()
    assert set(first.values()) == {0}
    desk.apply(an_account("kim", at=1.0, extraction=20.0))
    desk.stage.dump(min(first))
    desk.apply(an_account("lou", at=2.0, extraction=20.0))
    dirty = desk.stage.dirty()
    assert sorted(dirty.values())[: len(first) - 1] == [0] * (len(first) - 1)
    assert max(dirty.values()) == 2


def test_a_label_dirties_the_state_that_holds_it(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    chunks_of(desk.stage)
    assert desk.stage.dirty() == {}
    desk.learn(labels.make("case", desk.open[0].case_id, "distilling", "ada", at=1.0))
    again = Cases()
    again.load(chunks_of(desk.stage))
    assert again.book.labels == desk.stage.book.labels


def test_unreadable_chunks_are_counted_and_start_cold() -> None:
    stage = Cases()
    stage.load([("cases/a/0", b"rubbish"), ("cases/3", b"")])
    assert stage.counters()["cold_chunks"] == 2
    assert stage.cases == {}


def test_every_message_goes_where_its_id_says(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    keys = {message.topic: message.key for message in desk.sent}
    assert keys == {topics.ALERTS: b"extraction:account:ada", topics.CASES: desk.open[0].case_id.encode()}
