from __future__ import annotations

from math import exp

import pytest

from models.durations import DAY
from streams.features.account.conversations_open import ConversationsOpen
from streams.testing.feature_trial import START_SECONDS, account


def test_three_conversations_in_an_hour() -> None:
    assert exp(account(ConversationsOpen, conversation=[1, 2, 3, 1])) == pytest.approx(1 + 3, abs=0.2)


def test_yesterdays_conversations_are_closed() -> None:
    assert exp(
        account(ConversationsOpen, conversation=[1, 2, 3], time=[START_SECONDS, START_SECONDS, START_SECONDS + DAY])
    ) == pytest.approx(1 + 1, abs=0.1)
