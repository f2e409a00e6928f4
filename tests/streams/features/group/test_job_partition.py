from __future__ import annotations

from streams.features.group.job_partition import JobPartition
from streams.testing.feature_trial import group


def test_accounts_that_ask_different_things_are_a_whole_partition() -> None:
    assert group(JobPartition, prompt_sample=[[8 * account + prompt + 1 for prompt in range(8)] for account in range(4)]) == 1


def test_four_who_ask_the_same_ask_a_quarter_of_what_they_could() -> None:
    assert group(JobPartition, prompt_sample=[[prompt + 1 for prompt in range(8)]] * 4) == 0.25


def test_fifteen_prompts_say_nothing() -> None:
    assert group(JobPartition, prompt_sample=[[prompt + 1 for prompt in range(5)] + [0] * 3] * 3) == 1
