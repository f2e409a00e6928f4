"""A case that waits for a person."""

from __future__ import annotations

from dashboards.rule import Rule
from dashboards.sql import ALERTED

rule = Rule(
    title="A case waits for a decision",
    team="soc",
    severity="ticket",
    question="Which open case has had no decision for two days? Until then it continues, and triage learns nothing from it.",
    sql=f"""
        SELECT case_id, behaviour, dateDiff('second', opened_at, now64(3)) / 86400 AS value
        FROM hydrometer.cases FINAL
        WHERE state = 'open' AND {ALERTED} AND JSONExtractString(payload, 'label', 'verdict') = ''
        ORDER BY value DESC LIMIT 100
    """,
    above=2,
    summary="{case_id} has waited {value:.1f} days for a decision.",
    board="hydrometer-case?var-case={case_id}",
    lingers="10m",
)
