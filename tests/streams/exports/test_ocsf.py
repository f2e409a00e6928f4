from __future__ import annotations

from typing import Any

import jsonschema
import msgspec
import orjson
import pytest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding

from streams.exports.ocsf import case_finding, finding
from streams.replay.run import Replay
from streams.schema.cases import Alert, AlertStep

TEXT, WHOLE = {"type": "string", "minLength": 1}, {"type": "integer"}
OBSERVED = {
    "type": "object",
    "required": ["observed_attribute", "observations"],
    "properties": {
        "observed_attribute": TEXT,
        "observations": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["value"], "properties": {"value": TEXT}}},
    },
}
DETECTION_FINDING = {  # what OCSF 1.6 requires of class 2004, and of the objects that we use
    "type": "object",
    "required": ["activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid"],
    "properties": {
        "activity_id": {"enum": [0, 1, 2, 3, 99]},
        "category_uid": {"const": 2},
        "class_uid": {"const": 2004},
        "type_uid": {"enum": [200400, 200401, 200402, 200403, 200499]},
        "time": {**WHOLE, "minimum": 1_000_000_000_000},
        "severity_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        "status_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        "confidence_id": {"enum": [0, 1, 2, 3, 99]},
        "is_alert": {"type": "boolean"},
        "finding_info": {
            "type": "object",
            "required": ["uid"],
            "properties": {
                "uid": TEXT,
                "title": TEXT,
                "analytic": {"type": "object", "required": ["type_id"], "properties": {"type_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]}}},
                "attacks": {
                    "type": "array",
                    "items": {"anyOf": [{"required": [each]} for each in ("tactic", "technique", "sub_technique")]},
                },
            },
        },
        "metadata": {
            "type": "object",
            "required": ["product", "version"],
            "properties": {"version": {"const": "1.6.0"}, "product": {"type": "object", "required": ["vendor_name"]}},
        },
        "resources": {"type": "array", "items": {"anyOf": [{"required": ["name"]}, {"required": ["uid"]}]}},
        "anomaly_analyses": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["analysis_target", "anomalies"],
                "properties": {
                    "analysis_target": {"type": "object", "required": ["name"]},
                    "anomalies": {"type": "array", "minItems": 1, "items": OBSERVED},
                    "baselines": {"type": "array", "minItems": 1, "items": OBSERVED},
                },
            },
        },
    },
}


def alert(**other: Any) -> Alert:
    features = [
        {"feature": "evenness", "value": 0.98, "usual": [0.1, 0.6], "nats": 3.5},
        {"feature": "tiny_answers", "value": None, "usual": None, "nats": 1.0},
    ]
    payload = {"families": {"content": 2.0}, "features": features, "atlas": ["AML.T0040", "AML.CS0056"], "counter_evidence": []}
    row = {
        "alert_id": "extraction:account:a-1",
        "time": 1_795_262_400.5,
        "state": "open",
        "behaviour": "extraction",
        "entity_kind": "account",
    }
    row |= {"entity_id": "a-1", "case_id": "case-1", "evidence": 12.0, "false_alerts_per_day": 0.06, "summary": "Account a-1 looks so."}
    return msgspec.convert({**row, "payload": payload, **other}, Alert)


@pytest.mark.parametrize("state", ["open", "update", "resolved"])
@pytest.mark.parametrize("behaviour", ["extraction", "routing"])
def test_every_finding_has_what_ocsf_requires(state: str, behaviour: str) -> None:
    jsonschema.Draft202012Validator(DETECTION_FINDING).validate(finding(alert(state=state, behaviour=behaviour)))
    jsonschema.Draft202012Validator(DETECTION_FINDING).validate(finding(alert(payload={})))


def test_one_alert_is_one_finding_that_is_created_updated_and_closed() -> None:
    life = [finding(alert(state=state)) for state in ("open", "update", "resolved")]
    assert {each["finding_info"]["uid"] for each in life} == {"extraction:account:a-1"}
    assert [(each["activity_id"], each["type_uid"], each["status"], each["is_alert"]) for each in life] == [
        (1, 200401, "New", True), (2, 200402, "In Progress", False), (3, 200403, "Resolved", False),
    ]  # fmt: skip


def test_each_feature_is_an_anomaly_and_its_usual_range_the_baseline() -> None:
    (analysis,) = finding(alert())["anomaly_analyses"]
    assert analysis["analysis_target"] == {"name": "a-1", "type": "account"}
    evenness, tiny = analysis["anomalies"]
    assert (evenness["observed_attribute"], evenness["observations"], evenness["observed_pattern"]) == (
        "evenness", [{"value": "0.98"}], "3.50 nats",
    )  # fmt: skip
    assert tiny["observations"] == [{"value": "unknown"}]
    assert [each["observations"] for each in analysis["baselines"]] == [[{"value": "0.1"}, {"value": "0.6"}]]


def test_severity_is_the_alerts_own_and_confidence_its_rarity() -> None:
    def ranks(severity: str, one_in: float | None) -> tuple[int, int]:
        found = finding(alert(payload={"score": {"severity": severity, "one_in": one_in}}))
        return found["severity_id"], found["confidence_id"]

    assert ranks("critical", 200_000.0) == (5, 3)
    assert ranks("high", 20_000.0) == (4, 2)
    assert ranks("medium", 2_000.0) == (3, 1)
    assert ranks("low", None) == (2, 0)
    assert ranks("", None) == (0, 0)


def test_the_score_is_the_alerts_own_with_all_its_parts() -> None:
    score = {"of": "account:a-1", "nats": 12.0, "parts": [{"family": "content", "nats": 7.0, "counted": 7.0, "why": ""}]}
    assert finding(alert(payload={"score": score}))["unmapped"]["score"]["parts"] == score["parts"]


def test_techniques_of_atlas_are_attacks_and_its_case_studies_are_not() -> None:
    technique = {"uid": "AML.T0040", "name": "AI Model Inference API Access"}
    assert finding(alert())["finding_info"]["attacks"] == [{"technique": technique, "version": "ATLAS 5.6"}]


def test_times_are_milliseconds() -> None:
    assert finding(alert())["time"] == 1_795_262_400_500


def test_every_finding_of_a_run_is_valid_under_the_models_of_another_author(replayed: Replay) -> None:
    steps: tuple[AlertStep, ...] = ("open", "update", "resolved")
    findings = [finding(alert, "https://desk.example.com") for alert in replayed.alerts]
    findings += [case_finding(case, step) for case in replayed.cases for step in steps]
    assert len(findings) > len(replayed.alerts) > 0
    for found in findings:
        DetectionFinding.model_validate(orjson.loads(orjson.dumps(found)))
        jsonschema.Draft202012Validator(DETECTION_FINDING).validate(found)


def test_the_opening_of_a_case_has_one_id_however_often_it_is_told(replayed: Replay) -> None:
    first, *_, last = (case for case in replayed.cases if case.case_id == replayed.cases[0].case_id)
    assert case_finding(first, "open")["metadata"]["uid"] == case_finding(last, "open")["metadata"]["uid"]
    assert case_finding(first, "update")["metadata"]["uid"] != case_finding(last, "update")["metadata"]["uid"]
