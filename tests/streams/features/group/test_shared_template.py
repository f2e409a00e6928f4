from __future__ import annotations

from math import log

import pytest

from streams.features.group.shared_template import SharedTemplate, job
from streams.testing.feature_trial import group, members_of


def test_three_units_and_nothing_else() -> None:
    assert group(SharedTemplate, template=[5, 5, 5], job_share=1, template_rarity=9) == pytest.approx(3 * log(1 / 0.04), rel=0.01)


def test_half_the_prompts_say_less_than_half_as_much() -> None:
    assert group(SharedTemplate, template=[5, 5, 5], job_share=0.5, template_rarity=9) == pytest.approx(
        3 * 0.5 * (log(0.5 / 0.04) + log(0.5 / 0.96))
    )


def test_a_template_of_everybody_says_nothing() -> None:
    assert group(SharedTemplate, template=[5, 5, 5], job_share=0.5, template_rarity=log(2)) == 0


def test_one_organisation_is_one_voter() -> None:
    assert group(SharedTemplate, template=[5, 5, 5], job_share=1, template_rarity=9, organization=1) == pytest.approx(
        log(1 / 0.04), rel=0.01
    )


def test_where_the_usual_member_harvests_it_does_not_matter_which_template_each_shows() -> None:
    asked_twice = {"template": [5, 6, 7, 8], "job_share": 0.3, "template_rarity": 9}
    assert group(SharedTemplate, harvest_share=0.6, **asked_twice) == pytest.approx(4 * (0.6 * log(0.6 / 0.04) + 0.4 * log(0.4 / 0.96)))
    assert group(SharedTemplate, harvest_share=[0.6, 0.2, 0.2, 0.2], **asked_twice) == 0


def test_who_meets_a_piece_of_the_job_now_and_then_is_not_one_of_its_users() -> None:
    found = job(members_of(template=[5] * 6 + [6] * 2, job_share=[0.9, 0.8, 0.7, 0.9, 0.2, 0.8, 0.1, 0.1], template_rarity=9))
    assert found.users.tolist() == [True] * 4 + [False, True, False, False]
