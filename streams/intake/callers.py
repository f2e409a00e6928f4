"""Callers over HTTP: one token per source, each with its own rate limit and fuse, so that no caller slows another."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.core.errors import SettingsError
from streams.core.file_version import file_version
from streams.core.logs import hide
from streams.core.settings import MIN_SECRET_CHARACTERS, Settings, read_secret, variable_of
from streams.intake.dead_letter_limit import Fuse
from streams.intake.rate_limits import Bucket

DEFAULT_SOURCE: Final = "http"
"""The source that sends HYDROMETER_INTAKE_TOKEN."""
RELOAD_INTERVAL_SECONDS: Final = 1.0
"""Time between two checks whether the token file has changed."""
_LINE: Final = re.compile(r"([a-z0-9-]{1,32})\s+(\S+)")


@dataclass
class Caller:
    """One source over HTTP."""

    source: str
    bucket: Bucket
    fuse: Fuse
    paused_until: float = 0.0
    """Seconds of the monotonic clock; 0: not paused."""


class Callers:
    """All sources with a token. The files (`HYDROMETER_INTAKE_TOKENS`, `HYDROMETER_INTAKE_TOKEN_FILE`) are read again when they change."""

    def __init__(self, settings: Settings, events_per_second: float, burst_events: float) -> None:
        """Read the tokens; each source may send `events_per_second`, and `burst_events` at once.

        Raises SettingsError when the file cannot be read, or has an invalid line.
        """
        self._settings = settings
        self._rate = (events_per_second, burst_events)
        self._callers: dict[str, Caller] = {}
        self._paths = [path for path in (settings.intake_tokens, settings.file_of("intake_token")) if path]
        self._stamps = self._file_version()
        self._looked = 0.0
        self._tokens = {DEFAULT_SOURCE: settings.intake_token.get_secret_value().encode(), **self._of_others()}

    def of(self, authorization: str, now: float) -> Caller | None:
        """Return the caller with this `Authorization` header, None when no token matches. now: seconds of the monotonic clock."""
        self._reload_if_changed(now)
        given = authorization.encode("utf-8", "surrogateescape")
        sources = [source for source, token in self._tokens.items() if hmac.compare_digest(given, b"Bearer " + token)]
        return self._caller(sources[0]) if sources else None

    def _caller(self, source: str) -> Caller:
        if source not in self._callers:
            self._callers[source] = Caller(source, Bucket(*self._rate), Fuse.of(self._settings))
        return self._callers[source]

    def _reload_if_changed(self, now: float) -> None:
        """Read the files again when one has changed; keep the known tokens while one cannot be read."""
        if not self._paths or now - self._looked < RELOAD_INTERVAL_SECONDS:
            return
        self._looked = now
        stamps = self._file_version()
        if stamps == self._stamps:
            return
        try:
            self._tokens = {DEFAULT_SOURCE: self._default(), **self._of_others()}
        except SettingsError:
            return
        self._stamps = stamps

    def _default(self) -> bytes:
        path = self._settings.file_of("intake_token")
        if path is None:
            return self._tokens[DEFAULT_SOURCE]
        variable = f"{variable_of('intake_token')}_FILE"
        token = read_secret(variable, path)
        if len(token) < MIN_SECRET_CHARACTERS:
            raise SettingsError(
                f"{variable}: a secret has at least {MIN_SECRET_CHARACTERS} characters; make one with: openssl rand -hex 32"
            )
        hide(token)
        return token.encode()

    def _of_others(self) -> dict[str, bytes]:
        return read_tokens(self._settings.intake_tokens) if self._settings.intake_tokens else {}

    def _file_version(self) -> list[tuple[int, int, int] | None]:
        return [file_version(path) for path in self._paths]


def read_tokens(path: Path) -> dict[str, bytes]:
    """Return the token of each source from a file of lines `name token`; `#` begins a comment.

    Raises SettingsError, whose message quotes no token.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"HYDROMETER_INTAKE_TOKENS: cannot read {path}: point it at a file of lines `name token`") from error
    tokens: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if not match or len(match[2]) < MIN_SECRET_CHARACTERS or match[1] in {*tokens, DEFAULT_SOURCE}:
            raise SettingsError(
                f"{path}, line {number}: write a unique name (a-z, 0-9, -) and a token of at least {MIN_SECRET_CHARACTERS} characters"
            )
        hide(match[2])
        tokens[match[1]] = match[2].encode()
    return tokens
