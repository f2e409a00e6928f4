"""Outlet `webhook`: findings as JSON arrays by HTTP POST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

import orjson
import requests

from streams.core.settings import Settings
from streams.exports.ocsf import Json
from streams.exports.outlet import DeliveryError, OutletConfigError

_TIMEOUT_SECONDS: Final = 30.0


class Outlet:
    """A webhook. Its errors name the host, never the whole address: webhook addresses contain secrets."""

    metavar: ClassVar = "URL"
    help: ClassVar = "POST findings as JSON arrays; HYDROMETER_WEBHOOK_TOKEN is sent as bearer token."

    def __init__(self, url: str, host: str, token: str | None) -> None:
        """POST to `url`, with `Authorization: Bearer` when there is a token."""
        self._url, self._host = url, host
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Keep the address; nothing is sent yet. Raises OutletConfigError when it is not an HTTP address."""
        try:
            parts = urlsplit(target)
            host = parts.hostname if parts.scheme in ("http", "https") else None
        except ValueError:
            host = None
        if not host:
            raise OutletConfigError("the webhook's address is not an HTTP address: write it as --webhook https://siem.example.com/hook")
        return cls(target, host, settings.webhook_token.get_secret_value() if settings.webhook_token else None)

    def deliver(self, findings: Sequence[Json]) -> None:
        """POST findings as one JSON array. Raises DeliveryError unless the answer is below 400."""
        body = orjson.dumps(list(findings))
        try:
            answer = requests.post(self._url, data=body, headers=self._headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            reason = type(error).__name__
            raise DeliveryError(f"the webhook at {self._host} does not answer ({reason}): start it, then run this again") from None
        if not answer.ok:
            raise DeliveryError(
                f"the webhook at {self._host} refuses findings (HTTP {answer.status_code}): look at its log, then start again"
            )

    def close(self) -> None:
        """Do nothing: no connection stays open between deliveries."""
