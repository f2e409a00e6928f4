"""Whether a stored case is what its worker wrote: `hydrometer case verify`, and every export."""

from __future__ import annotations

import numpy as np
import orjson

from streams.cases.audit_chain import HistoryCheck, content
from streams.cases.views import terminal
from streams.cases.views.terminal import COLUMNS, CaseRow
from streams.core.errors import HydrometerError
from streams.core.queries import Queries
from streams.schema.cases import Version


class BrokenHistoryError(HydrometerError):
    """A stored case was changed after it was stored. The message names the version."""


def check(clickhouse: Queries, case: CaseRow, history: HistoryCheck) -> str:
    """Check a case's history: its signature, and every signed version that ClickHouse still has. Return the result in one line.

    Raises BrokenHistoryError, which names the first version that was changed.
    """
    entries = case.payload.history
    if fault := history.fault(case.case_id, orjson.loads(case.stored)):
        raise BrokenHistoryError(f"{case.case_id}: {fault}")
    if case.version != entries[-1].version:
        raise BrokenHistoryError(f"{case.case_id}: version {case.version} is stored, but its history ends at {entries[-1].version}")
    if not case.is_of_one_moment:
        raise BrokenHistoryError(
            f"{case.case_id}: the stored members, links or merges differ from its version: they were changed afterwards"
        )
    entries_by_version = {entry.version: entry for entry in entries}
    rows = clickhouse.query(f"SELECT {COLUMNS} FROM cases WHERE case_id = %(name)s ORDER BY version", {"name": case.case_id})  # noqa: S608 (as above)
    # of the versions before, what they say beside their lists: an item of those is stored as it is now
    stored = [terminal.stored_row(row) for row in rows]
    stored = [row for row in stored if row.payload.signature or row.version >= case.version]  # older ones were never signed
    # of a long history not every older version is listed
    stored = [row for row in stored if row.version in entries_by_version or row.version > entries[-1].version]
    for row in (case, *stored):
        if row.version not in entries_by_version or not _agrees(row, entries_by_version[row.version]):
            raise BrokenHistoryError(
                f"{case.case_id}: the stored row of version {row.version} differs from its history: it was changed after it was stored"
            )
    agree = f"{len(stored)} of {len(rows)} stored rows were signed and agree"
    listed = f"{len(entries)} versions" if entries[-1].version == len(entries) else f"{len(entries)} of {entries[-1].version} versions"
    return f"{case.case_id}: {listed} are signed, {agree}; last hash {entries[-1].hash}"


def _agrees(row: CaseRow, entry: Version) -> bool:
    figures = (row.state == entry.state, row.accounts == entry.accounts, row.requests == entry.requests)
    moments = round(row.updated_at.timestamp() * 1000) == round(entry.updated_at * 1000)
    extraction, routing = np.float32(entry.extraction) == np.float32(row.extraction), np.float32(entry.routing) == np.float32(row.routing)
    return all(figures) and moments and bool(extraction and routing) and content(row, orjson.loads(row.stored)) == entry.content
