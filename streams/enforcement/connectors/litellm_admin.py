"""Connector `litellm_admin`: limits, blocks and budgets of keys through the admin API of a LiteLLM proxy, without our hook in it.

Source: the proxy's own OpenAPI document, `/key/list` and `/key/update`. An account is a `user_id`; each of its keys is changed. A cap is
shared out: LiteLLM limits each key by itself. What a key had before stands in its metadata under `hydrometer`, so that any machine can give
it back; which orders were put is kept beside the workers' state. The target is a file of two lines: `url`, and `key` (an admin's).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Final, Self

import msgspec
import requests

from streams.core.settings import Settings
from streams.core.typed_json import read_json
from streams.enforcement.connector import ConnectorError, RememberedOrders, credentials
from streams.enforcement.orders import Order

_TIMEOUT_SECONDS: Final = 30.0
_PAGE_KEYS: Final = 100
"""The most that a page of `/key/list` has."""
_MAX_PAGES: Final = 10_000
_NOTE_FIELD: Final = "hydrometer"
_NO_LIMIT: Final = 0
"""Of an order that refuses: it has no cap."""


class _Own(msgspec.Struct, frozen=True):
    """What a key has without us."""

    rpm_limit: int | None = None
    blocked: bool | None = None
    max_budget: float | None = None


class _Note(msgspec.Struct, frozen=True):
    """What stands in the metadata of a key that we changed."""

    own: _Own
    caps: dict[str, int]
    """Requests a minute of this key by order; 0 for an order that refuses."""

    def wanted(self) -> _Own:
        """Return what the key has to have: the strictest of its own and of all orders, a budget of 0 where it is refused."""
        limits = [cap for cap in (*self.caps.values(), self.own.rpm_limit or 0) if cap]
        refused = _NO_LIMIT in self.caps.values()
        return _Own(min(limits, default=None), refused or self.own.blocked, 0.0 if refused else self.own.max_budget)


class _Key(msgspec.Struct):
    """What is read of a key."""

    token: str
    """Its hash."""
    user_id: str | None = None
    rpm_limit: int | None = None
    blocked: bool | None = None
    max_budget: float | None = None
    metadata: dict[str, msgspec.Raw] | None = None

    @property
    def note(self) -> _Note:
        """Our note; an empty one where there is none that can be read."""
        try:
            return read_json(bytes((self.metadata or {})[_NOTE_FIELD]), _Note)
        except (KeyError, msgspec.MsgspecError):
            return _Note(_Own(self.rpm_limit, self.blocked, self.max_budget), {})

    @property
    def is_as_noted(self) -> bool:
        """Whether limit, block and budget are as our orders want them."""
        wanted = self.note.wanted()
        return (self.rpm_limit, bool(self.blocked), self.max_budget) == (wanted.rpm_limit, bool(wanted.blocked), wanted.max_budget)


class _Page(msgspec.Struct):
    keys: list[_Key]
    total_pages: int | None = 1


class Connector:
    """The keys of a proxy."""

    measures: ClassVar = frozenset({"rate_cap", "suspend_key", "ban"})
    by_key: ClassVar = True
    metavar: ClassVar = "CREDENTIALS"

    def __init__(self, url: str, key: str, memory: Path) -> None:
        """Call this proxy with an admin's key, and remember in `memory` which orders were put."""
        self._url, self._key = url.rstrip("/"), key
        self._remembered = RememberedOrders(memory)
        self._keys: list[_Key] | None = None

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Return a connector with a credentials file. Raises ConnectorError when a line is missing."""
        values = credentials(Path(target), ("url", "key"), "write `url: https://...` and `key: sk-...` into it")
        name = sha256(values["url"].encode()).hexdigest()[:16]
        return cls(values["url"], values["key"], settings.state_dir / f"enforcement-litellm-admin-{name}.json")

    def present(self) -> dict[str, Order]:
        """Return each order that a key has a note of, with the accounts whose keys all obey it. Raises ConnectorError.

        A key that was made, or changed by hand, since is therefore drift, and an order of which another machine knows is removed.
        """
        keys, known = self._listed(), self._remembered.read()
        names = {name for key in keys for name in key.note.caps}
        return {name: _standing(known.get(name) or _unknown(name, keys), keys) for name in sorted(names)}

    def put(self, order: Order) -> None:
        """Change each key of an order's accounts. Raises ConnectorError."""
        keys = self._listed() if self._keys is None else self._keys
        meant = _of(order, keys)
        if not meant:
            raise ConnectorError("no account of the order has a key at the proxy: does the log name accounts as LiteLLM's `user_id`?")
        self._remembered.write({**self._remembered.read(), order.order_id: order})
        self._drop(order.order_id, keep=meant)
        for key in meant:
            note = key.note
            self._update(key, _Note(note.own, {**note.caps, order.order_id: _cap(order, keys)}))

    def remove(self, order_id: str) -> None:
        """Give each key of an order back what it had, unless another order holds it. Raises ConnectorError."""
        if self._keys is None:
            self._listed()
        self._drop(order_id, keep=())
        self._remembered.write({name: order for name, order in self._remembered.read().items() if name != order_id})

    def _drop(self, order_id: str, keep: Sequence[_Key]) -> None:
        """Take an order from all keys but some."""
        kept = {key.token for key in keep}
        for key in self._keys or ():
            note = key.note
            if order_id in note.caps and key.token not in kept:
                self._update(key, _Note(note.own, {name: cap for name, cap in note.caps.items() if name != order_id}))

    def _update(self, key: _Key, note: _Note) -> None:
        wanted, metadata = note.wanted(), {name: value for name, value in (key.metadata or {}).items() if name != _NOTE_FIELD}
        if note.caps:
            metadata[_NOTE_FIELD] = msgspec.Raw(msgspec.json.encode(note))
        change = {"key": key.token, **msgspec.structs.asdict(wanted), "metadata": metadata}
        self._call("POST", "/key/update", msgspec.json.encode(change))
        key.rpm_limit, key.blocked, key.max_budget, key.metadata = wanted.rpm_limit, wanted.blocked, wanted.max_budget, metadata

    def _listed(self) -> list[_Key]:
        """Return all keys of the proxy, and remember them for what is done next."""
        keys: list[_Key] = []
        for number in range(1, _MAX_PAGES + 1):
            query = f"/key/list?page={number}&size={_PAGE_KEYS}&return_full_object=true&sort_by=created_at&sort_order=asc"
            try:
                page = read_json(self._call("GET", query), _Page)
            except msgspec.MsgspecError:
                raise ConnectorError("LiteLLM's admin API does not list keys as objects: check its version") from None
            keys += page.keys
            if number >= (page.total_pages or 1):
                break
        self._keys = keys
        return keys

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            answer = requests.request(method, self._url + path, data=body, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise ConnectorError(f"LiteLLM's admin API does not answer ({type(error).__name__}): start it, and apply again") from None
        if answer.status_code >= 300:  # noqa: PLR2004 (HTTP's successes end here)
            place = path.partition("?")[0]
            raise ConnectorError(f"LiteLLM's admin API refuses {method} {place} (HTTP {answer.status_code}): check the admin's key")
        return answer.content


def _of(order: Order, keys: Sequence[_Key]) -> list[_Key]:
    """Return the keys that an order is about."""
    accounts, named = frozenset(order.accounts), frozenset(order.keys)
    return [key for key in keys if key.user_id in accounts and (not named or key.token in named)]


def _cap(order: Order, keys: Sequence[_Key]) -> int:
    """Return the requests a minute of each key of an order, so that together they stay below its cap; 0 for one that refuses."""
    return max(int(order.rate / max(len(_of(order, keys)), 1)), 1) if order.measure == "rate_cap" else _NO_LIMIT


def _standing(order: Order, keys: Sequence[_Key]) -> Order:
    """Return an order with those of its accounts whose keys all obey it."""
    cap = _cap(order, keys)
    broken = {key.user_id for key in _of(order, keys) if not key.is_as_noted or key.note.caps.get(order.order_id) != cap}
    return msgspec.structs.replace(order, accounts=[account for account in order.accounts if account not in broken])


def _unknown(order_id: str, keys: Sequence[_Key]) -> Order:
    """Return what the keys say of an order that another machine put: whom it holds, and nothing that equals an order of ours."""
    accounts = sorted({key.user_id or "" for key in keys if order_id in key.note.caps})
    return Order(order_id, "ban", 0.0, accounts, [], 0.0, "")
