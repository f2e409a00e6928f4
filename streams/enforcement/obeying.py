"""How a gateway in Python obeys orders: refuse, cap a group together, or strip what is worth harvesting.

An order ends at its `expires` by itself, whether or not anybody runs `hydrometer enforcement`. When the file cannot be read the last known
orders hold until they expire: a broken file neither bans nor frees anybody.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from models.durations import MINUTE
from streams.core.file_version import file_version
from streams.core.typed_json import read_json
from streams.enforcement.orders import Order

_HEADER: Final = b"# hydrometer orders: "


@dataclass(frozen=True)
class Ruling:
    """What is to be done with one request."""

    does: Literal["serve", "strip", "limit", "refuse"]
    notice: str = ""
    canary: bool = False
    """Whether the answer is to have the wordings of the case's canary (`streams.forensics.litellm_hook`)."""


class Obeying:
    """The orders of a file, read again when it changes, and the requests of each capped group in the last minute."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Obey this file."""
        self._path, self._clock = path, clock
        self._version: tuple[int, int, int] | None = None
        self._orders: list[Order] = []
        self._served: dict[str, deque[float]] = {}

    def rule(self, callers: Iterable[str]) -> Ruling:
        """Return what to do with a request, and count it where it is served under a cap.

        callers: The names under which the gateway knows the caller: account, user, team, key.
        """
        self._read()
        now, names = self._clock(), set(callers)
        meant = [order for order in self._orders if now < order.expires and _is_about(order, names)]
        for order in meant:
            if order.measure in ("suspend_key", "ban", "step_up"):
                return Ruling("refuse", order.notice)
        for order in [order for order in meant if order.measure == "rate_cap"]:
            served = self._served.setdefault(order.order_id, deque())
            while served and now - served[0] >= MINUTE:
                served.popleft()
            if len(served) >= order.rate:
                return Ruling("limit", order.notice)
            served.append(now)
        notices = {order.measure: order.notice for order in meant}
        does: Literal["strip", "serve"] = "strip" if "hide_reasoning" in notices else "serve"
        return Ruling(does, notices.get("hide_reasoning", ""), canary="canary" in notices)

    def _read(self) -> None:
        version = file_version(self._path)
        if version is None or version == self._version:
            return
        first, _, _ = self._path.read_bytes().partition(b"\n")
        try:
            self._orders = read_json(first.removeprefix(_HEADER), list[Order])
        except msgspec.MsgspecError:
            return
        self._version = version


def _is_about(order: Order, names: set[str]) -> bool:
    return not names.isdisjoint(order.keys) if order.keys else not names.isdisjoint(order.accounts)
