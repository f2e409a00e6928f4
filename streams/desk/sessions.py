"""Who is logged in at the desk: one-time links, sessions with limits, and the token that each form carries.

All of it is in the memory of one process: a restart logs all people out. Nothing here is written anywhere.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from streams.core.errors import SettingsError

Role = Literal["viewer", "analyst", "approver"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""Each may do what the one before may, and more: read; decide about cases and propose steps; approve the steps of others."""
LINK_SECONDS: Final = 600.0
"""Time in which a one-time link can be used."""
IDLE_SECONDS: Final = 1800.0
"""Time without a request after which a session ends."""
SESSION_SECONDS: Final = 8 * 3600.0
"""Time after which a session ends in any case."""
MAX_SESSIONS: Final = 100
MAX_SESSIONS_OF_ONE: Final = 5
"""Sessions of one person: a further one ends the oldest."""
_MAX_NAME_CHARACTERS: Final = 64


@dataclass(frozen=True)
class Person:
    """A person who may use the desk."""

    name: str
    role: Role

    @classmethod
    def parse(cls, text: str) -> Person:
        """Read `name:role`; without a role it is `analyst`. Raises SettingsError."""
        name, _, role = text.partition(":")
        if not name or len(name) > _MAX_NAME_CHARACTERS or not name.isprintable() or (role or "analyst") not in ROLES:
            raise SettingsError(f"{text!r} is not an invitation: write NAME:ROLE, with a role of {', '.join(ROLES)}")
        return cls(name, next(known for known in ROLES if known == (role or "analyst")))

    def may(self, role: Role) -> bool:
        """Return whether this person may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass
class Session:
    """One login. Times are seconds of the clock that `Sessions` was given."""

    person: Person
    began: float
    used: float
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """What every form of the session carries: another site's form does not know it."""
    looked: dict[str, int] = field(default_factory=dict)
    """The version of each case that was on the screen last."""
    summary: str = ""
    """What was done last, until the next page shows it. No address can name it: it would be a stranger's sentence in our page."""

    def take_summary(self) -> str:
        """Return what was done last, and forget it."""
        summary, self.summary = self.summary, ""
        return summary


class Sessions:
    """Links that were not used yet, and sessions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without either."""
        self._clock = clock
        self._links: dict[str, tuple[Person, float]] = {}
        self._sessions: dict[str, Session] = {}
        self._looked: dict[str, dict[str, int]] = {}

    def invite(self, person: Person) -> str:
        """Return the token of a link that logs a person in once, within LINK_SECONDS."""
        token = secrets.token_urlsafe(32)
        self._links[token] = (person, self._clock() + LINK_SECONDS)
        return token

    def invited(self, token: str) -> Person | None:
        """Return whom a token would log in, None when it is unknown, used or too old. It can still be used."""
        person, ends = self._links.get(token, (None, 0.0))
        return person if self._clock() < ends else None

    def log_in(self, token: str) -> str | None:
        """Use a token up, and return the name of the new session; None when it is unknown, used or too old."""
        person = self.invited(token)
        self._links.pop(token, None)
        return None if person is None else self.begin(person)

    def begin(self, person: Person) -> str:
        """Return the name of a new session of a person, who is known to be them."""
        self._end_old(person)
        name, now = secrets.token_urlsafe(32), self._clock()
        self._sessions[name] = Session(person, now, now, looked=self._looked.setdefault(person.name, {}))
        return name

    def of(self, name: str) -> Session | None:
        """Return a session that has not ended, and note that it was used."""
        session, now = self._sessions.get(name), self._clock()
        if session is None or now - session.used > IDLE_SECONDS or now - session.began > SESSION_SECONDS:
            self._sessions.pop(name, None)
            return None
        session.used = now
        return session

    def log_out(self, name: str) -> None:
        """End a session."""
        self._sessions.pop(name, None)

    def _end_old(self, person: Person) -> None:
        now = self._clock()
        self._sessions = {name: session for name, session in self._sessions.items() if now - session.used <= IDLE_SECONDS}
        own = [name for name, session in self._sessions.items() if session.person == person]
        too_many = len(self._sessions) - MAX_SESSIONS + 1
        for name in {*own[: max(len(own) - MAX_SESSIONS_OF_ONE + 1, 0)], *list(self._sessions)[: max(too_many, 0)]}:
            del self._sessions[name]


def same(given: str, expected: str) -> bool:
    """Compare two tokens in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())
