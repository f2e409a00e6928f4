"""Alerts as OCSF 1.6 (schema.ocsf.io) Detection Findings, class 2004.

An alert that opens, changes and ends is one finding: `finding_info.uid` stays, `activity_id` is the step. The evidence is in
`anomaly_analyses`: one anomaly per feature, with the population's usual range as its baseline. A field that an alert does not have is left
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec

from streams.schema.cases import Alert, FeaturePart

Json = dict[str, Any]

SCHEMA: Final = "1.6.0"
CLASS_ID: Final = 2004
_ACTIVITIES: Final = {"open": (1, "Create"), "update": (2, "Update"), "resolved": (3, "Close")}
_STATUSES: Final = {"open": (1, "New"), "update": (2, "In Progress"), "resolved": (4, "Resolved")}
_SEVERITIES: Final = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}
_UNKNOWN: Final = (0, "Unknown")
_CONFIDENCES: Final = {0: "Unknown", 1: "Low", 2: "Medium", 3: "High"}
_STATISTICAL_TYPE_ID: Final = 3  # OCSF's number for a statistical analytic
_HIGH_CONFIDENCE_ONE_IN, _MEDIUM_CONFIDENCE_ONE_IN = 100_000.0, 10_000.0
"""Of how many ordinary accounts one scores as high: from the first on confidence is high, from the second medium."""


def finding(alert: Alert) -> Json:
    """Return a record of the topic `alerts` as a Detection Finding. Seconds become milliseconds."""
    activity, activity_name = _ACTIVITIES[alert.state]
    status, status_name = _STATUSES[alert.state]
    (severity_id, severity), confidence = _SEVERITIES.get(alert.payload.score.severity, _UNKNOWN), _confidence(alert)
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS_ID,
        "class_name": "Detection Finding",
        "type_uid": CLASS_ID * 100 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "time": _milliseconds(alert.time),
        "severity_id": severity_id,
        "severity": severity,
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
            "score": msgspec.to_builtins(alert.payload.score),
            "counter_evidence": msgspec.to_builtins(alert.payload.counter_evidence),
        },
    }


def _confidence(alert: Alert) -> int:
    """Return OCSF's number of a confidence, 0 for unknown: while calibration has no answer."""
    rarity = alert.payload.score.one_in
    if rarity is None:
        return 0
    return 3 if rarity >= _HIGH_CONFIDENCE_ONE_IN else 2 if rarity >= _MEDIUM_CONFIDENCE_ONE_IN else 1


def _metadata(alert: Alert) -> Json:
    product = {"name": "Hydrometer", "vendor_name": "Hydrometer", "version": version("hydrometer")}
    return {"version": SCHEMA, "product": product, "uid": f"{alert.alert_id}@{_milliseconds(alert.time)}", "log_name": "alerts"}


def _info(alert: Alert) -> Json:
    named = [technique for technique in alert.payload.atlas if technique.startswith("AML.T")]  # the others are case studies
    techniques = [{"technique": {"uid": technique}, "version": "ATLAS 5.6"} for technique in named]
    return {
        "uid": alert.alert_id,
        "title": alert.summary,
        "types": [alert.behaviour],
        "modified_time": _milliseconds(alert.time),
        "analytic": {"name": f"hydrometer {alert.behaviour}", "type_id": _STATISTICAL_TYPE_ID, "type": "Statistical"},
        **({"attacks": techniques} if techniques else {}),
    }


def _analyses(alert: Alert) -> list[Json]:
    features = alert.payload.features
    if not features:
        return []
    usual = [feature for feature in features if feature.usual]
    return [
        {
            "analysis_target": {"name": alert.entity_id, "type": alert.entity_kind},
            "anomalies": [_observed(feature, [feature.value], f"{feature.nats:.2f} nats") for feature in features],
            **({"baselines": [_observed(feature, feature.usual or [], "usual range") for feature in usual]} if usual else {}),
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
