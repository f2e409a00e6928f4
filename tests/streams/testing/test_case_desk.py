"""The desk of tests shows what the stage of cases sends."""

from __future__ import annotations

from streams.testing.case_desk import CaseDesk, a_group, an_account


def test_a_desk_keeps_every_version_and_shows_the_newest_of_open_cases() -> None:
    desk = CaseDesk()
    (alert,) = desk.apply(an_account("ada", extraction=20.0))
    desk.apply(an_account("ada", at=700.0, extraction=20.0, requests=100.0))
    assert [case.version for case in desk.versions] == [1, 2]
    assert [(case.case_id, case.version) for case in desk.open] == [(alert.case_id, 2)]


def test_a_group_has_a_row_of_its_own_and_one_for_each_member() -> None:
    assert [row["account_id"] for row in a_group("router", "00000000000000aa", ["ada", "bob"])] == [None, "ada", "bob"]
