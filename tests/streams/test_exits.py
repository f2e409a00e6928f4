from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from streams.errors import HydrometerError
from streams.exits import exit_code


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


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_server_that_is_told_to_stop_closes_first(sent: signal.Signals, code: int) -> None:
    script = textwrap.dedent("""
        import asyncio, sys
        from streams.exits import exit_code, serve_until_told

        async def work():
            try:
                print("serving", flush=True)
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)
                print("closed", flush=True)

        sys.exit(exit_code(lambda: serve_until_told(work())))
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
