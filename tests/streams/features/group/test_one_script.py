from __future__ import annotations

from streams.features.group.one_script import OneScript
from streams.testing.feature_trial import group


def test_four_programs_that_do_nothing_but_one_template_are_three_too_many() -> None:
    assert group(OneScript, kind="template", router=[1, 2, 3, 4, 4], template_share=0.9, total=10) == 3


def test_users_of_one_application_share_its_program() -> None:
    assert group(OneScript, kind="template", router=7, template_share=[1.0, 1.0, 1.0], total=10) == 0


def test_a_prompt_that_goes_round_is_a_small_part_of_what_each_does() -> None:
    assert group(OneScript, kind="template", router=[1, 2, 3], template_share=[0.2, 0.1, 0.3], total=10) == 0


def test_who_uses_a_prompt_that_goes_round_does_other_things_too() -> None:
    assert group(OneScript, kind="template", router=[1, 2, 3], template_share=[0.6, 0.7, 0.8], total=10) == 0


def test_two_requests_are_no_habit_and_three_are() -> None:
    assert group(OneScript, kind="template", router=[1, 2, 3], template_share=1.0, total=2) == 0
    assert group(OneScript, kind="template", router=[1, 2, 3], template_share=1.0, total=3) == 2
