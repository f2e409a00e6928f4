"""Which requests match an indicator that others shared: compared in `collect`, where the values still are as others wrote them.

Of a match only the indicator's id leaves `collect`. Without a file of indicators nothing is compared, and nothing is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from streams.core.file_version import file_version
from streams.privacy.sketch import Sketcher
from streams.schema.blocks import BlockColumns
from streams.schema.event import Event
from streams.schema.indicators import INDICATOR_KINDS, NO_INDICATOR, Indicator, IndicatorKind, in_force, read_indicators

RELOAD_SECONDS: Final = 60.0
"""How often the file is looked at again, for changes and for what has ended."""


class IndicatorMatcher:
    """Compares requests with a file of indicators, which it reads again when it changes."""

    def __init__(self, path: Path, shared_key: bytes = b"", clock: Callable[[], float] = time.time) -> None:
        """Read the file. Raises IndicatorsError.

        Args:
            path: The file.
            shared_key: Key under which its senders sketch wordings; empty for none.
            clock: Gives seconds since 1970.
        """
        self._path, self._clock = path, clock
        self._sketcher = Sketcher(shared_key) if shared_key else None
        self._next = -1.0
        self._version: tuple[int, int, int] | None = None
        self._all: list[Indicator] = []
        self._known: Mapping[IndicatorKind, Mapping[str, str]] = {}
        self._reload()

    def ids(self, rows: Sequence[Event], columns: BlockColumns, asked: Sequence[tuple[str | None, str | None]]) -> list[str]:
        """Return for each request the id of the indicator that it matches, `none` where it matches none.

        Args:
            rows: The events.
            columns: Their columns as they leave `collect`: texts as lists, `router` as hashes.
            asked: Of each the system prompt and the question; None where there is none.
        """
        self._reload()
        matched: list[str] = [NO_INDICATOR] * len(rows)
        for kind in reversed(INDICATOR_KINDS):
            known = self._known.get(kind)
            if not known:
                continue
            for row, values in enumerate(self._values(kind, rows, columns, asked)):
                name = next((known[value] for value in values if value in known), None)
                matched[row] = name or matched[row]
        return matched

    def _values(
        self, kind: IndicatorKind, rows: Sequence[Event], columns: BlockColumns, asked: Sequence[tuple[str | None, str | None]]
    ) -> Sequence[Sequence[str]]:
        """Return what each request shows of a kind."""
        if kind == "payment":
            return [(str(row.get("payment.hash") or ""),) for row in rows]
        if kind == "router":
            return [(f"{int(router or 0):016x}",) for router in columns["router"]]
        if kind == "template":
            sketched = {texts: self._sketched(*texts) for texts in set(asked)}
            return [sketched[texts] for texts in asked]
        return [(str(value or ""),) for value in columns[kind]]

    def _sketched(self, system: str | None, question: str | None) -> tuple[str, ...]:
        if self._sketcher is None:
            return ()
        whole = (f"{self._sketcher.system(system):016x}",) if system else ()
        return (*whole, f"{self._sketcher.template(question):016x}") if question else whole

    def _reload(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + RELOAD_SECONDS
        version = file_version(self._path)
        if version is None or version != self._version:
            self._all = list(read_indicators(self._path).values())
            self._version = version
        known: dict[IndicatorKind, dict[str, str]] = {}
        for indicator in in_force(self._all, now):
            known.setdefault(indicator.kind, {})[indicator.value] = indicator.indicator_id
        self._known = known


def shared_sketches(shared_key: bytes, text: str) -> tuple[str, str]:
    """Return the sketches of a wording that others with the same key can look for: as a system prompt, and as a question's opening.

    >>> shared_sketches(b"a key of partners", "Rate this 1 to 10:") == shared_sketches(b"a key of partners", "Rate this 2 to 20:")
    True
    """
    sketcher = Sketcher(shared_key)
    return f"{sketcher.system(text):016x}", f"{sketcher.template(text):016x}"
