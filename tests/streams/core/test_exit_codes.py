from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from streams.core.errors import HydrometerError
from streams.core.exit_codes import exit_code


def test_work_done_is_zero() -> None:
    assert exit_code(lambda: None) == 0


def test_an_error_for_a_person_is_one_line_and_two(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise HydrometerError("no broker:\n  start it")

    assert exit_code(fail) == 2
    assert capsys.readouterr().err == "error: no broker: start it\n"


def test_ctrl_c_is_130_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: os.kill(os.getpid(), signal.SIGINT)) == 130
    assert capsys.readouterr().err == ""


def test_sigterm_unwinds_like_ctrl_c() -> None:
    with pytest.raises(SystemExit) as caught:
        exit_code(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert caught.value.code == 143


class SwallowsSignals:
    """Python prints what is raised in here, and goes on, as it does in callbacks of weak references."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def works_on(seconds: float = 10.0) -> None:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_sigterm_is_said_again_after_python_dropped_it() -> None:
    def import_something() -> None:
        SwallowsSignals()
        works_on()
        pytest.fail("SIGTERM was lost")

    with pytest.raises(SystemExit) as caught:
        exit_code(import_something)
    assert caught.value.code == 143


def test_sigterm_is_said_again_until_nobody_catches_it() -> None:
    caught_by_others: list[object] = []

    def catch_it_twice() -> None:
        for _ in range(2):
            try:
                os.kill(os.getpid(), signal.SIGTERM) if not caught_by_others else works_on()
            except BaseException as error:  # noqa: BLE001 - what a careless library does
                caught_by_others.append(error)
        works_on()

    with pytest.raises(SystemExit) as caught:
        exit_code(catch_it_twice)
    assert caught.value.code == 143
    assert len(caught_by_others) == 2


def test_what_closes_is_not_told_again() -> None:
    closed = []

    def close_slowly() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            works_on(0.25)
            try:
                int("no number")
            except ValueError:  # in here it is the context of what is handled
                works_on(0.25)
            closed.append("all of it")

    with pytest.raises(SystemExit):
        exit_code(close_slowly)
    assert closed == ["all of it"]


def test_nothing_is_said_once_the_command_has_ended() -> None:
    with pytest.raises(SystemExit):
        exit_code(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_server_that_is_told_to_stop_closes_first(sent: signal.Signals, code: int) -> None:
    script = textwrap.dedent("""
        import asyncio, sys
        from streams.core.exit_codes import exit_code, serve_until_stopped

        async def work():
            try:
                print("serving", flush=True)
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)
                print("closed", flush=True)

        sys.exit(exit_code(lambda: serve_until_stopped(work())))
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "serving\n"
    process.send_signal(sent)
    assert process.communicate(timeout=20) == ("closed\n", "")
    assert process.returncode == code


def test_our_own_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 / 0)
