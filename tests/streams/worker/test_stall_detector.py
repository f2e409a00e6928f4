"""When a worker counts as stalled."""

from __future__ import annotations

from streams.worker.stall_detector import StallDetector


def test_standing_still_with_records_waiting_is_a_stall() -> None:
    detector = StallDetector(stall_seconds=60.0)
    assert detector.stalled({"requests/0": (5, 100)}, now=0.0) == []
    assert detector.stalled({"requests/0": (5, 100)}, now=59.0) == []
    assert detector.stalled({"requests/0": (5, 200)}, now=60.0) == ["requests/0"]


def test_a_place_that_moves_is_alive_however_far_it_is_behind() -> None:
    detector = StallDetector(stall_seconds=60.0)
    assert [detector.stalled({"requests/0": (step, 10_000)}, now=50.0 * step) for step in range(5)] == [[]] * 5


def test_a_place_without_work_may_stand_still_for_ever() -> None:
    detector = StallDetector(stall_seconds=60.0)
    detector.stalled({"requests/0": (5, 0)}, now=0.0)
    assert detector.stalled({"requests/0": (5, 0)}, now=1_000.0) == []


def test_the_time_without_work_does_not_count_once_work_arrives() -> None:
    detector = StallDetector(stall_seconds=60.0)
    detector.stalled({"requests/0": (5, 0)}, now=0.0)
    assert detector.stalled({"requests/0": (5, 1)}, now=1_000.0) == []
    assert detector.stalled({"requests/0": (5, 1)}, now=1_060.0) == ["requests/0"]


def test_a_partition_that_left_and_came_back_starts_afresh() -> None:
    detector = StallDetector(stall_seconds=60.0)
    detector.stalled({"requests/0": (5, 1)}, now=0.0)
    detector.stalled({}, now=30.0)
    assert detector.stalled({"requests/0": (5, 1)}, now=61.0) == []
