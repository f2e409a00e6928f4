"""The work of a test is counted: Python processes and replayed events; too much of it needs the mark `slow`."""

from __future__ import annotations

import subprocess
import sys

from streams.testing.work import MAX_EVENTS, MAX_PROCESSES, WorkDone


def test_as_much_as_is_allowed_is_no_complaint_and_one_more_is() -> None:
    assert WorkDone(MAX_PROCESSES, MAX_EVENTS).complaint() == ""
    assert "starts 5 Python processes (at most 4)" in WorkDone(MAX_PROCESSES + 1, 0).complaint()
    assert "replays 3,001 events (at most 3,000)" in WorkDone(0, MAX_EVENTS + 1).complaint()


def test_what_a_test_did_is_the_difference_and_what_a_shared_fixture_did_is_left_out() -> None:
    work = WorkDone(2, 100)
    before = work.copy()
    with work.unchanged():
        work.events += 6_000
    work.processes += 1
    assert work.since(before) == WorkDone(1, 0)


def test_a_replay_counts_what_it_carried() -> None:
    work = WorkDone()
    feed = work.count_events(lambda events: events)
    assert [feed(3), feed(4)] == [3, 4]
    assert work == WorkDone(0, 7)


def test_python_counts_and_another_program_does_not() -> None:
    code = (
        "import subprocess, sys; from streams.testing.work import WorkDone; work = WorkDone(); work.count_processes(); "
        "subprocess.run([sys.executable, '-c', '']); subprocess.run(['/bin/true']); print(work.processes)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "1\n"
