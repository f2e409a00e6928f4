"""A client of TAXII 2.1 (docs.oasis-open.org/cti/taxii/v2.1): the indicators of a collection, page by page, and later only what is new."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import requests

from streams.core.loopback import is_loopback
from streams.core.private_file import write_private
from streams.core.settings import Settings
from streams.core.typed_json import read_json
from streams.exports.indicators_in import MAX_DOCUMENT_BYTES, Document, read_document
from streams.schema.indicators import IndicatorsError

MEDIA_TYPE: Final = "application/taxii+json;version=2.1"
PAGE_OBJECTS: Final = 1000
"""Objects that are asked for at a time; a server may give fewer."""
MAX_PAGES: Final = 1000
_TIMEOUT_SECONDS: Final = 30.0
_PART_BYTES: Final = 1 << 16
_ADVICE: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "set HYDROMETER_TAXII_USERNAME and HYDROMETER_TAXII_PASSWORD",
    HTTPStatus.FORBIDDEN: "this name may not read the collection: ask its owner",
    HTTPStatus.NOT_FOUND: "name the address of a collection, https://HOST/API-ROOT/collections/ID/",
    HTTPStatus.NOT_ACCEPTABLE: "the server does not speak TAXII 2.1",
    HTTPStatus.TOO_MANY_REQUESTS: "fetch again later",
}
_ADDED_LAST: Final = "X-TAXII-Date-Added-Last"


class _Envelope(msgspec.Struct):
    more: bool = False
    next: str = ""
    objects: list[msgspec.Raw] = []


class Fetched:
    """Up to when each collection was fetched, in a file beside the indicators."""

    def __init__(self, indicators: Path) -> None:
        """Read it. Raises IndicatorsError."""
        self._path = indicators.with_name(f"{indicators.name}.fetched")
        try:
            self._until = read_json(self._path.read_bytes(), dict[str, str])
        except FileNotFoundError:
            self._until = {}
        except (OSError, msgspec.MsgspecError) as error:
            raise IndicatorsError(f"cannot read {self._path} ({type(error).__name__}): delete it, and all is fetched again") from error

    def until(self, collection: str) -> str:
        """Return when the newest object that is known of a collection was added there; empty for none."""
        return self._until.get(collection, "")

    def note(self, collection: str, until: str) -> None:
        """Remember it, once the indicators are kept. Raises IndicatorsError."""
        self._until[collection] = until
        try:
            write_private(self._path, msgspec.json.encode(self._until).decode())
        except OSError as error:
            raise IndicatorsError(f"cannot write {self._path} ({error.strerror}): check the folder, and fetch again") from error


def fetch(collection: str, settings: Settings, added_after: str = "") -> tuple[Document, str]:
    """Return the indicators of a collection, and when the newest object of it was added there (`added_after` where none is new).

    Args:
        collection: The collection's address, `https://HOST/API-ROOT/collections/ID/`.
        settings: With the name and password at the server, where it asks for them.
        added_after: Only what was added after this time, as the server writes it; empty: all.

    Raises:
        IndicatorsError: The server does not answer, refuses, or sends something else than TAXII 2.1.
    """
    address = urlsplit(collection)
    if address.scheme != "https" and not (address.scheme == "http" and is_loopback(address.hostname or "")):
        raise IndicatorsError("the collection's address does not begin with https://: a password and indicators are sent over TLS alone")
    document, newest = Document(), added_after
    # who made an indicator is named in another object
    query = {"limit": str(PAGE_OBJECTS), "match[type]": "indicator,identity"} | ({"added_after": added_after} if added_after else {})
    for _ in range(MAX_PAGES):
        page = _get(f"{collection.rstrip('/')}/objects/", settings, query)
        try:
            envelope = read_json(page.content, _Envelope)
        except msgspec.MsgspecError:
            raise IndicatorsError(f"{address.hostname} does not answer in TAXII 2.1: name the address of a collection") from None
        if envelope.objects:
            document.merge(read_document(msgspec.json.encode({"objects": envelope.objects}), address.hostname or ""))
        newest = page.added_last or newest
        if not envelope.more:
            return document, newest
        query = {**query, "next": envelope.next} if envelope.next else {**query, "added_after": newest}
    raise IndicatorsError(f"{address.hostname} has more than {MAX_PAGES:,} pages: ask its owner for a smaller collection")


class _Page(NamedTuple):
    content: bytes
    added_last: str
    """When the newest object of the page was added; empty where the server does not say."""


def _get(url: str, settings: Settings, query: dict[str, str]) -> _Page:
    host, secret = urlsplit(url).hostname, settings.taxii_password
    login = (settings.taxii_username, secret.get_secret_value()) if secret else None
    content, headers = bytearray(), {"Accept": MEDIA_TYPE}
    try:
        with requests.get(
            url, params=query, headers=headers, auth=login, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            if answer.status_code != HTTPStatus.OK:
                advice = _ADVICE.get(answer.status_code, "ask its owner")
                raise IndicatorsError(f"{host} refuses (HTTP {answer.status_code}): {advice}")
            for part in answer.iter_content(_PART_BYTES):
                content += part
                if len(content) > MAX_DOCUMENT_BYTES:
                    raise IndicatorsError(
                        f"a page of {host} has more than {MAX_DOCUMENT_BYTES // 2**20} MiB: ask its owner for smaller ones"
                    )
    except requests.RequestException as error:
        raise IndicatorsError(f"{host} does not answer ({type(error).__name__}): check the address, and fetch again") from None
    return _Page(bytes(content), answer.headers.get(_ADDED_LAST, ""))
