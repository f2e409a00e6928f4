from __future__ import annotations

import pytest

from streams.core.errors import SettingsError
from streams.desk.sessions import IDLE_SECONDS, LINK_SECONDS, MAX_SESSIONS, MAX_SESSIONS_OF_ONE, SESSION_SECONDS, Person, Sessions

ADA = Person("ada", "analyst")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_link_that_was_used_or_is_too_old_logs_nobody_in() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    token, late = sessions.invite(ADA), sessions.invite(ADA)
    assert sessions.log_in(token)
    assert sessions.log_in(token) is None
    clock.now = LINK_SECONDS
    assert sessions.log_in(late) is None


def test_a_session_ends_when_idle_and_at_its_end() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    name = sessions.log_in(sessions.invite(ADA)) or ""
    for clock.now in range(0, int(SESSION_SECONDS) + 1, int(IDLE_SECONDS)):
        assert sessions.of(name)
    clock.now = SESSION_SECONDS + 1
    assert sessions.of(name) is None
    name = sessions.log_in(sessions.invite(ADA)) or ""
    clock.now += IDLE_SECONDS + 1
    assert sessions.of(name) is None


def test_one_person_and_all_together_have_a_limited_number_of_sessions() -> None:
    sessions = Sessions()
    names = [sessions.log_in(sessions.invite(ADA)) or "" for _ in range(MAX_SESSIONS_OF_ONE + 1)]
    assert [sessions.of(name) is not None for name in names] == [False, *[True] * MAX_SESSIONS_OF_ONE]
    others = [sessions.log_in(sessions.invite(Person(f"p{number}", "viewer"))) or "" for number in range(MAX_SESSIONS)]
    assert sum(sessions.of(name) is not None for name in names + others) == MAX_SESSIONS


def test_a_role_may_do_what_the_one_before_may() -> None:
    assert [Person("x", "analyst").may(role) for role in ("viewer", "analyst", "approver")] == [True, True, False]


@pytest.mark.parametrize("text", ["", ":analyst", "ada:admin", "a\nb:viewer", "x" * 65])
def test_nobody_is_invited_by_a_name_or_role_that_is_none(text: str) -> None:
    with pytest.raises(SettingsError, match="is not an invitation: write NAME:ROLE"):
        Person.parse(text)
