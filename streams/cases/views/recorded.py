"""Cases of a replay's folder, as those of ClickHouse are read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from streams.cases.views.terminal import CaseRow
from streams.core.errors import HydrometerError, MalformedEventError
from streams.core.typed_json import read_json
from streams.schema.case_changes import newest_whole
from streams.schema.cases import Case, CasePayload

FILE = "cases.jsonl"


class _Recorded(Case, frozen=True):
    payload: msgspec.Raw  # type: ignore[assignment]  # kept as it was written: its digest covers every field


def recorded(folder: Path, *, with_resolved: bool = False) -> list[CaseRow]:
    """Return the newest version of each open case (with `with_resolved`, of every case), the most evidence first.

    Raises HydrometerError when the folder is not a replay's.
    """
    try:
        with (folder / FILE).open("rb") as lines:
            cases = [_row(record) for record in newest_whole(lines).values()]
    except (OSError, msgspec.MsgspecError, MalformedEventError) as error:
        raise HydrometerError(f"{folder} holds no {FILE} that can be read: name the --out of a `hydrometer replay`") from error
    wanted = [case for case in cases if with_resolved or case.state == "open"]
    return sorted(wanted, key=lambda case: (case.state, case.behaviour, -max(case.extraction, case.routing), case.case_id))


def _row(line: bytes) -> CaseRow:
    case = read_json(line, _Recorded)
    fields = {name: getattr(case, name) for name in Case.__struct_fields__}
    times = {name: datetime.fromtimestamp(fields[name], UTC) for name in ("opened_at", "updated_at")}
    payload = read_json(case.payload, CasePayload)
    return CaseRow(**{**fields, **times, "payload": payload, "stored": bytes(case.payload)})
