"""Calls to one Grafana over HTTP: time-outs, retries, empty answers, and errors that name the fix in one line.

Two libraries can carry the calls, with the same result: `grafana-api`, which is installed, and `grafana-client` (3.x; later ones overwrite
urllib3 for every other program of the environment). Only their raw verbs are used, because alert provisioning has no place of its own
in either.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from requests.exceptions import JSONDecodeError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from dashboards.query import Json
from streams.core.errors import HydrometerError, MissingToolError, SettingsError
from streams.core.settings import Settings

Backend = Literal["grafana-api", "grafana-client"]

OLDEST: Final = (11, 6)
"""The ClickHouse plugin 4.20 needs this version of Grafana."""
TIMEOUT_SECONDS: Final = 15.0
"""Time for one answer. A busy Grafana takes longer than the libraries' 5 s to save a board."""
MAX_TRIES: Final = 4
_LIBRARIES: Final[Mapping[Backend, tuple[str, str]]] = {
    "grafana-api": ("grafana_api.grafana_api", "GrafanaAPI"),
    "grafana-client": ("grafana_client.client", "GrafanaClient"),
}
_NO_JSON: Final = (json.JSONDecodeError, JSONDecodeError)
"""What the libraries raise of an answer that is not JSON: requests' own error is another where simplejson is installed."""
_AGAIN: Final = frozenset({429, 502, 503, 504})
TOKEN_ADVICE: Final = "make a service account with the role Editor, and put its token into HYDROMETER_GRAFANA_TOKEN"  # noqa: S105


class GrafanaError(HydrometerError):
    """Grafana refuses a request, or does not answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        """Keep the HTTP status, 0 when there was no answer."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Carrier:
    """A library: its client, whose attributes are verbs in capitals, and its exception for every status above 399."""

    client: Any
    refused: type[Exception]


class GrafanaHttp:
    """Calls to one Grafana. Paths are those of its HTTP API without `/api`."""

    def __init__(self, carrier: Carrier, url: str, wait: Callable[[float], None] = time.sleep, tries: int = MAX_TRIES) -> None:
        """Send requests through `carrier`; wait between tries with `wait` (seconds)."""
        self._carrier = carrier
        self._url = url
        self._wait = wait
        self._tries = tries

    def get(self, path: str) -> Any:
        """Return the resource at `path`, None when the answer is empty. Raises GrafanaError."""
        try:
            return self._call("GET", path)
        except GrafanaError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def find(self, path: str) -> Any:
        """Return the resource at `path`, or None when it is absent or hidden: Grafana answers 403 for both, but to administrators.

        Raises GrafanaError.
        """
        try:
            return self.get(path)
        except GrafanaError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                return None
            raise

    def post(self, path: str, body: Json) -> Any:
        """Create or run something. Raises GrafanaError; after a lost answer it may exist all the same, and the next run finds it."""
        return self._call("POST", path, body)

    def put(self, path: str, body: Json) -> Any:
        """Set something. The rules that we set stay editable in Grafana (`X-Disable-Provenance`). Raises GrafanaError."""
        return self._call("PUT", path, body)

    def delete(self, path: str) -> None:
        """Delete something; it may be gone already. Raises GrafanaError."""
        try:
            self._call("DELETE", path)
        except GrafanaError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def _call(self, verb: str, path: str, body: Json | None = None) -> Any:
        trying = Retrying(
            sleep=self._wait,
            stop=stop_after_attempt(self._tries),
            wait=wait_exponential_jitter(multiplier=0.5, jitter=0.5),
            retry=retry_if_exception(lambda error: isinstance(error, GrafanaError) and error.status in (_AGAIN | {0})),
            reraise=True,
        )
        return trying(self._once, verb, path, body)

    def _once(self, verb: str, path: str, body: Json | None) -> Any:
        headers = {"X-Disable-Provenance": "true"} if path.startswith("/v1/provisioning/") and verb != "GET" else None
        try:
            answer = getattr(self._carrier.client, verb)(path, json=body, headers=headers)
        except _NO_JSON as error:  # both libraries parse everything, and one even the empty answer to a DELETE
            if not error.doc:
                return None
            raise self._foreign() from None
        except OSError as error:  # both libraries' connection errors and time-outs are OSErrors
            raise GrafanaError(
                f"Grafana at {self._url} does not answer ({type(error).__name__}): start it, or correct HYDROMETER_GRAFANA_URL"
            ) from error
        except self._carrier.refused as error:
            raise self._refusal(int(error.status_code), error.response, verb, path) from error  # type: ignore[attr-defined]
        if isinstance(answer, str):
            raise self._foreign()
        return answer

    def _foreign(self) -> GrafanaError:
        return GrafanaError(f"{self._url} does not answer as Grafana does: correct HYDROMETER_GRAFANA_URL", HTTPStatus.OK)

    def _refusal(self, status: int, answer: Any, verb: str, path: str) -> GrafanaError:
        if not status:
            return GrafanaError(f"Grafana at {self._url} does not answer in time: check its load, then try again")
        if status == HTTPStatus.UNAUTHORIZED:
            return GrafanaError(f"Grafana at {self._url} does not accept this token: {TOKEN_ADVICE}", status)
        if status == HTTPStatus.FORBIDDEN:
            return GrafanaError(f"Grafana at {self._url} forbids {verb} {path}: {TOKEN_ADVICE}", status)
        message = " ".join(str(answer.get("message", answer) if isinstance(answer, dict) else answer).split())[:200]
        return GrafanaError(f"Grafana at {self._url} refuses {verb} {path} (HTTP {status}): {message}", status)


def connect(settings: Settings, backend: Backend = "grafana-api", timeout: float = TIMEOUT_SECONDS) -> GrafanaHttp:
    """Return the way to the Grafana of the settings, with `timeout` seconds a call.

    It is with a service account's token, or, with `grafana_user`, as that user.

    Raises SettingsError without a token, MissingToolError without the library.
    """
    if settings.grafana_token is None:
        raise SettingsError(f"HYDROMETER_GRAFANA_TOKEN is not set: {TOKEN_ADVICE}")
    secret = settings.grafana_token.get_secret_value()
    auth = (settings.grafana_user, secret) if settings.grafana_user else secret
    return GrafanaHttp(_carrier(backend, settings.grafana_url, auth, timeout), settings.grafana_url)


def _carrier(backend: Backend, url: str, auth: str | tuple[str, str], timeout: float) -> Carrier:
    parts = urlsplit(url)
    path = parts.path.strip("/")
    prefix = f"{path}/" if path else ""
    module, name = _LIBRARIES[backend]
    try:
        library = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingToolError(f"{backend} is not installed: pip install {backend}") from error
    return Carrier(
        getattr(library, name)(auth, host=parts.hostname, port=parts.port, protocol=parts.scheme, timeout=timeout, url_path_prefix=prefix),
        library.GrafanaException,
    )
