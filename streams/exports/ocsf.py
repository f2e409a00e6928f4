"""Cases and alerts as OCSF 1.6 (schema.ocsf.io) Detection Findings, class 2004.

A case, or an alert, that opens, changes and ends is one finding: `finding_info.uid` stays, `activity_id` is the step. The evidence is in
`anomaly_analyses`: one anomaly per feature, with the population's usual range as its baseline. A field that a record does not have is left
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

import msgspec

from streams.schema import atlas
from streams.schema.cases import Alert, AlertPayload, AlertStep, Case, FeaturePart

Json = dict[str, Any]

SCHEMA: Final = "1.6.0"
CLASS_ID: Final = 2004
MAX_RESOURCES: Final = 100
"""Accounts that a case's finding lists, those with the most evidence; the case has them all."""
_ACTIVITIES: Final = {"open": (1, "Create"), "update": (2, "Update"), "resolved": (3, "Close")}
_STATUSES: Final = {"open": (1, "New"), "update": (2, "In Progress"), "resolved": (4, "Resolved")}
_SEVERITIES: Final = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}
_UNKNOWN: Final = (0, "Unknown")
_CONFIDENCES: Final = {0: "Unknown", 1: "Low", 2: "Medium", 3: "High"}
_STATISTICAL_TYPE_ID: Final = 3  # OCSF's number for a statistical analytic
_HIGH_CONFIDENCE_ONE_IN, _MEDIUM_CONFIDENCE_ONE_IN = 100_000.0, 10_000.0
"""Of how many ordinary accounts one scores as high: from the first on confidence is high, from the second medium."""


def finding(alert: Alert, desk: str = "") -> Json:
    """Return a record of the topic `alerts` as a Detection Finding. Seconds become milliseconds. desk: the address of the desk."""
    info = {"uid": alert.alert_id, "title": alert.summary, **_link(desk, alert.case_id)}
    uid = f"{alert.alert_id}@{_milliseconds(alert.time)}"
    return {
        **_head(alert.state, alert.time, alert.behaviour, alert.payload, info),
        "message": alert.summary,
        "metadata": {**_metadata("alerts"), "uid": uid},
        "resources": [{"type": alert.entity_kind, "uid": alert.entity_id}],
        "anomaly_analyses": _analyses(alert.payload.features, alert.entity_kind, alert.entity_id),
        "unmapped": {"case_id": alert.case_id, "evidence_nats": alert.evidence, **_unmapped(alert.payload)},
    }


def case_finding(case: Case, step: AlertStep, desk: str = "") -> Json:
    """Return a version of a case as a Detection Finding: its step is not in the record, it follows from the versions before.

    desk: the address of the desk, empty without one.
    """
    payload = case.payload
    info = {
        "uid": case.case_id,
        "title": case.title,
        "created_time": _milliseconds(case.opened_at),
        **_link(desk, case.case_id),
    }
    strongest = sorted(payload.members.items(), key=lambda member: -max(member[1].extraction, member[1].routing or 0.0))
    uid = f"{case.case_id}@open" if step == "open" else f"{case.case_id}@{case.version}"
    return {
        **_head(step, case.updated_at, case.behaviour, payload, info),
        "message": payload.withdrawn or payload.summary or case.title,
        "metadata": {**_metadata("cases"), "uid": uid},
        "resources": [{"type": "account", "uid": account} for account, _ in strongest[:MAX_RESOURCES]],
        "anomaly_analyses": _analyses(payload.features, "case", case.case_id),
        "count": case.accounts,
        "unmapped": {
            "case_id": case.case_id,
            "case_version": case.version,
            "accounts": case.accounts,
            "requests": case.requests,
            "output_tokens": case.output_tokens,
            "merged_into": payload.merged_into,
            "if_wrong": payload.if_wrong,
            "next_step": payload.next_step,
            **_unmapped(payload),
        },
    }


def _head(step: AlertStep, time: float, behaviour: str, payload: AlertPayload, info: Json) -> Json:
    activity, activity_name = _ACTIVITIES[step]
    status, status_name = _STATUSES[step]
    severity_id, severity = _SEVERITIES.get(payload.score.severity, _UNKNOWN)
    confidence = _confidence(payload)
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS_ID,
        "class_name": "Detection Finding",
        "type_uid": CLASS_ID * 100 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "time": _milliseconds(time),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status,
        "status": status_name,
        "confidence_id": confidence,
        "confidence": _CONFIDENCES[confidence],
        "is_alert": step == "open",
        "finding_info": {
            **info,
            "types": [behaviour],
            "modified_time": _milliseconds(time),
            "analytic": {
                "uid": behaviour,
                "name": f"hydrometer {behaviour}",
                "type_id": _STATISTICAL_TYPE_ID,
                "type": "Statistical",
            },
            **_attacks(payload.atlas),
        },
    }


def _confidence(payload: AlertPayload) -> int:
    """Return OCSF's number of a confidence, 0 for unknown: while calibration has no answer."""
    rarity = payload.score.one_in
    if rarity is None:
        return 0
    return 3 if rarity >= _HIGH_CONFIDENCE_ONE_IN else 2 if rarity >= _MEDIUM_CONFIDENCE_ONE_IN else 1


def _metadata(log_name: str) -> Json:
    product = {"name": "Hydrometer", "vendor_name": "Hydrometer", "version": version("hydrometer")}
    return {"version": SCHEMA, "product": product, "log_name": log_name}


def _link(desk: str, case_id: str) -> Json:
    return {"src_url": f"{desk.rstrip('/')}/case/{quote(case_id, safe='')}"} if desk else {}


def _attacks(ids: Sequence[str]) -> Json:
    named = [technique for technique in ids if technique.startswith("AML.T")]  # the others are case studies
    attacks = [
        {"technique": {"uid": technique, "name": atlas.NAMES.get(technique, technique)}, "version": f"ATLAS {atlas.VERSION}"}
        for technique in named
    ]
    return {"attacks": attacks} if attacks else {}


def _unmapped(payload: AlertPayload) -> Json:
    return {"score": msgspec.to_builtins(payload.score), "counter_evidence": msgspec.to_builtins(payload.counter_evidence)}


def _analyses(features: Sequence[FeaturePart], kind: str, name: str) -> list[Json]:
    if not features:
        return []
    usual = [feature for feature in features if feature.usual]
    return [
        {
            "analysis_target": {"name": name, "type": kind},
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
