from __future__ import annotations

import pytest

from models.learning.gate import Gate


def test_a_gate_is_open_until_it_knows_32_scores() -> None:
    gate = Gate(memory=1000.0, top=1.0, width=2.0)
    for _ in range(31):
        gate.record(0.1)
    assert gate.admits(1.0)
    gate.record(0.1)
    assert not gate.admits(1.0)
    assert gate.admits(0.1)


def test_the_threshold_stands_while_less_than_half_is_an_attack() -> None:
    gate = Gate(memory=1000.0, top=1.0, width=2.0)
    for i in range(960):
        gate.record(0.1 + 0.1 * (i % 10) / 10)
    before = gate.threshold
    for _ in range(320):
        gate.record(0.9)
    assert gate.threshold == pytest.approx(before, abs=0.15)
    assert not gate.admits(0.9)


def test_what_stays_is_admitted_in_the_end() -> None:
    gate = Gate(memory=100.0, top=1.0, width=2.0)
    for score in [0.1] * 320 + [0.9] * 320:
        gate.record(score)
    assert gate.admits(0.9)


def test_weights_do_not_overflow() -> None:
    gate = Gate(memory=1.0, top=1.0, width=2.0)
    for _ in range(5000):
        gate.record(0.5)
    assert gate.admits(0.5)
    assert not gate.admits(0.9)
