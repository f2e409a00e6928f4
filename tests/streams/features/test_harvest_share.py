from __future__ import annotations

from math import isnan

from streams.features.harvest_share import HarvestShare
from streams.trial import account


def test_three_things_must_meet_in_one_request() -> None:
    assert account(HarvestShare, templated=[1, 1, 1, 0], message_count=[2, 2, 3, 1], output_tokens=[300, 299, 900, 900]) == 0.25


def test_without_the_number_of_messages_it_does_not_know() -> None:
    assert isnan(account(HarvestShare, templated=1, output_tokens=900))
