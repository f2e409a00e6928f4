"""Severity in terms of the threshold that the policy has, not of the delivered one."""

from __future__ import annotations

from pathlib import Path

from models.evidence.weighing import ALERT_THRESHOLD_NATS
from streams.cases.policy import DEFAULT, Policy
from streams.testing.case_desk import CaseDesk, a_group

ROUTER = "00000000000000aa"
LOWER_NATS = 12.0


def test_what_a_lower_threshold_alerts_is_as_severe_as_any_alert(tmp_path: Path) -> None:
    text = DEFAULT.read_text().replace(f"nats = {ALERT_THRESHOLD_NATS}", f"nats = {LOWER_NATS}")
    (tmp_path / "policy.toml").write_text(text)
    desk = CaseDesk(Policy.load(policy=tmp_path / "policy.toml"))
    families = {"content": 7.0, "payment": 3.0, "timing": 3.0}
    rows = a_group("router", ROUTER, ["ada", "bob", "eve"], extraction=LOWER_NATS + 0.5, families=families)
    payers = [{**row, "organization": number, "payment": number} for number, row in enumerate(rows)]  # of one payer it may be permitted
    desk.apply(*payers)
    (case,) = desk.open
    assert case.payload.score.nats < ALERT_THRESHOLD_NATS
    assert case.payload.score.severity == "high"
