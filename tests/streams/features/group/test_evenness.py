from __future__ import annotations

from models.durations import DAY
from streams.features.group.evenness import Evenness
from streams.testing.feature_trial import START_SECONDS, group


def test_equal_counts_come_from_a_dispatcher() -> None:
    assert group(Evenness, work_items=[25] * 20, first=START_SECONDS - 5 * DAY, last=START_SECONDS) > 7


def test_people_are_not_equal() -> None:
    assert group(Evenness, work_items=[1, 2, 3, 5, 8, 13, 60, 200], first=START_SECONDS - 5 * DAY, last=START_SECONDS) < -7


def test_who_came_later_has_asked_less() -> None:
    assert (
        group(Evenness, work_items=[50, 40, 30, 20, 10], first=[START_SECONDS - d * DAY for d in (5, 4, 3, 2, 1)], last=START_SECONDS) > 2
    )


def test_light_accounts_that_fall_silent_for_a_day_have_not_stopped() -> None:
    # a piece of work every other day: who was last heard of yesterday goes on, and is as light as it seems
    begun = [1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6, 9, 14]
    last = [START_SECONDS - DAY * (4 if count < 3 else 1) for count in begun]
    assert group(Evenness, work_items=begun, first=START_SECONDS - 5 * DAY, last=last) < 0


def test_one_organisation_is_one_voter() -> None:
    assert group(Evenness, work_items=[25] * 20, organization=1, first=START_SECONDS - DAY, last=START_SECONDS) == 0


def test_payers_are_no_evener_than_the_people_behind_them() -> None:
    # five payers with the same sum each, made of very different people
    counts = [1, 9, 90] * 5
    payers = [number for number in range(5) for _ in range(3)]
    assert (
        group(Evenness, work_items=counts, organization=[1 + number for number in payers], first=START_SECONDS - DAY, last=START_SECONDS)
        < -7
    )


def test_asking_twice_is_what_makes_a_member() -> None:
    assert group(Evenness, kind="template", work_items=[2] * 30, first=START_SECONDS - DAY, last=START_SECONDS) < 2


def test_accounts_that_show_now_this_template_of_a_queue_and_now_that_one_have_one_load() -> None:
    shown = {"work_items": [2, 9, 25, 3, 14] * 4, "first": START_SECONDS - 3 * DAY, "last": START_SECONDS}
    loads = {"account_work_items": [40] * 20, "account_first": START_SECONDS - 4 * DAY}
    assert group(Evenness, kind="template", **shown, **loads) > 4
    assert group(Evenness, **shown, **loads) < 0
