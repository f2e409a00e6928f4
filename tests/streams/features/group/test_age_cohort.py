from __future__ import annotations

from models.durations import DAY, HOUR
from streams.features.group.age_cohort import AgeCohort
from streams.testing.feature_trial import START_SECONDS, group


def test_ten_accounts_of_one_week_in_fifty() -> None:
    assert group(AgeCohort, created=[START_SECONDS + i * HOUR for i in range(10)], age_rank=[0.02 - i * 2e-4 for i in range(10)]) > 20


def test_accounts_of_all_ages() -> None:
    assert group(AgeCohort, created=[START_SECONDS - i * 60 * DAY for i in range(10)], age_rank=[i / 10 for i in range(10)]) == 0


def test_an_enterprise_votes_once() -> None:
    assert group(AgeCohort, organization=5, created=[START_SECONDS + i for i in range(10)], age_rank=0.02) == 0
