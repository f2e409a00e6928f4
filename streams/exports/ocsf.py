"""Alerts in the words of OCSF 1.6 (schema.ocsf.io): Detection Finding, class 2004, as a SIEM reads it.

An alert that opens, changes and ends is one finding: `finding_info.uid` stays, `activity_id` says which. What the evidence is made of
stands in `anomaly_analyses`: one anomaly a feature, with the population's usual range as its baseline. Nothing else is made up: a field
that an alert does not have is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec

from streams.schema.cases import Alert, FeaturePart

Json = dict[str, Any]

SCHEMA: Final = "1.6.0"
CLASS: Final = 2004
_ACTIVITIES: Final = {"open": (1, "Create"), "update": (2, "Update"), "resolved": (3, "Close")}
_STATUSES: Final = {"open": (1, "New"), "update": (2, "In Progress"), "resolved": (4, "Resolved")}
_SEVERITIES: Final = {3: "Medium", 4: "High", 5: "Critical"}
_CONFIDENCES: Final = {1: "Low", 2: "Medium", 3: "High"}
_STATISTICAL: Final = 3  # OCSF's number for an analytic that rests on statistics
_RARE, _SURE = 0.001, 0.1
"""Expected false alerts a day, for 10,000 entities: below the first it is critical, below the second our confidence is high."""


def finding(alert: Alert) -> Json:
    """Return a record of the topic `alerts` as a Detection Finding. Times go from seconds to milliseconds."""
    activity, activity_name = _ACTIVITIES[alert.state]
    status, status_name = _STATUSES[alert.state]
    severity, confidence = _severity(alert), _confidence(alert)
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "time": _milliseconds(alert.time),
        "severity_id": severity,
        "severity": _SEVERITIES[severity],
        "status_id": status,
        "status": status_name,
        "confidence_id": confidence,
        "confidence": _CONFIDENCES[confidence],
        "is_alert": alert.state == "open",
        "message": alert.summary,
        "metadata": _metadata(alert),
        "finding_info": _info(alert),
        "resources": [{"type": alert.entity_kind, "uid": alert.entity_id}],
        "anomaly_analyses": _analyses(alert),
        "unmapped": {
            "case_id": alert.case_id,
            "evidence_nats": alert.evidence,
            "families_nats": dict(alert.payload.families),
            "false_alerts_per_day": alert.false_alerts_per_day,
            "counter_evidence": msgspec.to_builtins(alert.payload.counter_evidence),
        },
    }


def _severity(alert: Alert) -> int:
    if alert.behaviour == "routing":
        return 3  # a channel, not a harm by itself
    return 5 if alert.false_alerts_per_day < _RARE else 4


def _confidence(alert: Alert) -> int:
    expected = alert.false_alerts_per_day
    return 3 if expected < _SURE else 2 if expected < 1 else 1


def _metadata(alert: Alert) -> Json:
    product = {"name": "Hydrometer", "vendor_name": "Hydrometer", "version": version("hydrometer")}
    return {"version": SCHEMA, "product": product, "uid": f"{alert.alert_id}@{_milliseconds(alert.time)}", "log_name": "alerts"}


def _info(alert: Alert) -> Json:
    named = [each for each in alert.payload.atlas if each.startswith("AML.T")]  # the others are case studies
    techniques = [{"technique": {"uid": each}, "version": "ATLAS 5.6"} for each in named]
    return {
        "uid": alert.alert_id,
        "title": alert.summary,
        "types": [alert.behaviour],
        "modified_time": _milliseconds(alert.time),
        "analytic": {"name": f"hydrometer {alert.behaviour}", "type_id": _STATISTICAL, "type": "Statistical"},
        **({"attacks": techniques} if techniques else {}),
    }


def _analyses(alert: Alert) -> list[Json]:
    features = alert.payload.features
    if not features:
        return []
    usual = [each for each in features if each.usual]
    return [
        {
            "analysis_target": {"name": alert.entity_id, "type": alert.entity_kind},
            "anomalies": [_observed(each, [each.value], f"{each.nats:.2f} nats") for each in features],
            **({"baselines": [_observed(each, each.usual or [], "usual range") for each in usual]} if usual else {}),
        }
    ]


def _observed(feature: FeaturePart, values: Sequence[float | None], pattern: str) -> Json:
    observations = [{"value": "unknown" if value is None else f"{value:g}"} for value in values]
    return {
        "observed_attribute": feature.feature,
        "observation_type": "Deviation Analysis",
        "observed_pattern": pattern,
        "observations": observations,
    }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
