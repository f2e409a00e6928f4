"""The turn of a record."""

from __future__ import annotations

from streams.worker.cursor import MAX_REREADS, MAX_REWINDS, Cursor, Turn


def test_records_are_taken_one_after_another() -> None:
    cursor = Cursor(7)
    assert [cursor.turn(offset, 0.0) for offset in (7, 8, 9)] == [Turn.TAKE] * 3


def test_a_record_that_comes_again_is_passed() -> None:
    cursor = Cursor(7)
    cursor.turn(7, 0.0)
    assert cursor.turn(7, 0.0) is Turn.PASS


def test_a_record_left_out_is_read_again_and_those_behind_it_wait() -> None:
    cursor = Cursor(7)
    assert cursor.turn(9, 0.0) is Turn.REWIND
    assert cursor.turn(10, 0.1) is Turn.PASS
    assert [cursor.turn(offset, 0.2) for offset in (7, 8, 9)] == [Turn.TAKE] * 3


def test_reading_back_is_tried_again_after_a_second() -> None:
    cursor = Cursor(7)
    turns = [cursor.turn(offset, now) for offset, now in ((9, 0.0), (10, 0.5), (11, 1.0))]
    assert turns == [Turn.REWIND, Turn.PASS, Turn.REWIND]


def test_a_record_that_reading_back_returned_is_no_reason_to_wait() -> None:
    cursor = Cursor(7)
    assert [cursor.turn(offset, 0.0) for offset in (9, 10, 8)] == [Turn.REWIND, Turn.PASS, Turn.REWIND]


def test_a_compacted_topic_may_jump_when_the_same_record_comes_twice() -> None:
    cursor = Cursor(7, compacted=True)
    assert cursor.turn(9, 0.0) is Turn.REWIND
    assert cursor.turn(9, 0.1) is Turn.TAKE
    assert cursor.next == 10


def test_records_that_do_not_come_back_are_reported_and_never_skipped() -> None:
    cursor = Cursor(7)
    turns = [cursor.turn(9 + second, float(second)) for second in range(MAX_REWINDS + 1)]
    assert turns == [Turn.REWIND] * MAX_REWINDS + [Turn.LOST]
    assert cursor.next == 7


def test_a_hole_that_kafka_never_filled_is_passed_and_the_next_one_is_looked_at_anew() -> None:
    cursor = Cursor(7)
    turns = [cursor.turn(9, 0.0) for _ in range(MAX_REREADS + 1)]
    assert turns == [Turn.REWIND] * MAX_REREADS + [Turn.HOLE]
    assert cursor.next == 7
    cursor.skip_to(9)
    assert [cursor.turn(9, 0.0), cursor.turn(11, 0.0)] == [Turn.TAKE, Turn.REWIND]
