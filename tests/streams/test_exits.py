from __future__ import annotations

import os
import signal

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


def test_our_own_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 / 0)
