"""Cases of a replay's folder, as those of ClickHouse are read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from streams.cases.views.terminal import CaseRow
from streams.core.errors import HydrometerError
from streams.schema.cases import Case

FILE = "cases.jsonl"


class _Recorded(Case, frozen=True):
    payload: msgspec.Raw  # type: ignore[assignment]  # kept as it was written: its digest covers every field


def recorded(folder: Path, *, with_resolved: bool = False) -> list[CaseRow]:
    """Return the newest version of each open case (with `with_resolved`, of every case), the most evidence first.

    Raises HydrometerError when the folder is not a replay's.
    """
    newest: dict[str, CaseRow] = {}
    try:
        with (folder / FILE).open("rb") as lines:
            for line in lines:
                case = _row(line)
                newest[case.case_id] = case
    except (OSError, msgspec.MsgspecError) as error:
        raise HydrometerError(f"{folder} holds no {FILE} that can be read: name the --out of a `hydrometer replay`") from error
    wanted = [case for case in newest.values() if with_resolved or case.state == "open"]
    return sorted(wanted, key=lambda case: (case.state, case.behaviour, -max(case.extraction, case.routing), case.case_id))


def _row(line: bytes) -> CaseRow:
    raw, case = msgspec.json.decode(line, type=_Recorded), msgspec.json.decode(line, type=Case)
    fields = {name: getattr(case, name) for name in Case.__struct_fields__}
    times = {name: datetime.fromtimestamp(fields[name], UTC) for name in ("opened_at", "updated_at")}
    return CaseRow(**{**fields, **times, "stored": bytes(raw.payload)})
