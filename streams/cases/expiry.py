"""What the cases stage forgets with time: cases that are over, entities and labels of long ago. A case under legal hold never ends."""

from __future__ import annotations

from typing import Final

from models.durations import DAY
from streams.cases.caseload import Caseload
from streams.schema.cases import AlertState
from streams.schema.evidence import Entity
from streams.schema.labels import LearnedLabel
from streams.schema.names import AlertName

CASE_SECONDS: Final = 400 * DAY
"""Time from the last change of a resolved case to its end, as in ClickHouse."""
ENTITY_SECONDS: Final = 90 * DAY
"""Time without evidence after which an entity of no case is forgotten."""
LABEL_SECONDS: Final = 3 * 365 * DAY
"""Time after which a label no longer teaches."""


def expire(now: float, entities: dict[str, Entity], alerts: dict[str, AlertState], labels: dict[str, LearnedLabel], load: Caseload) -> None:
    """Remove what is older than its retention.

    Args:
        now: Newest event time, seconds since 1970.
        entities: Entities by key; changed in place, as the next two.
        alerts: Alerts by id.
        labels: Labels by id.
        load: All cases.
    """
    over = [case for case in load.cases.values() if case.state != "open" and case.hold is None and case.updated_at < now - CASE_SECONDS]
    for case in over:
        load.remove(case.case_id)
    linked = {link.entity for case in load.cases.values() for link in case.links}
    kept = {AlertName.parse(entity).key for entity in linked}
    for key in [key for key, entity in entities.items() if key not in kept and entity.time < now - ENTITY_SECONDS]:
        del entities[key]
    for alert_id in [name for name, alert in alerts.items() if name not in linked and alert.case_id not in load.cases]:
        del alerts[alert_id]
    for label_id in [name for name, label in labels.items() if label.time < now - LABEL_SECONDS]:
        del labels[label_id]
