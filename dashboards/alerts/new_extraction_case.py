"""A case of extraction without a verdict."""

from __future__ import annotations

from dashboards.rule import Rule
from dashboards.sql import ALERTED

rule = Rule(
    title="Traffic looks like distillation",
    team="soc",
    severity="page",
    question="Which accounts extract the model together, without a decision so far? The value is the number of accounts.",
    sql=f"""
        SELECT case_id, behaviour, toFloat64(accounts) AS value
        FROM hydrometer.cases FINAL
        WHERE state = 'open' AND behaviour = 'extraction' AND {ALERTED} AND JSONExtractString(payload, 'label', 'verdict') = ''
        ORDER BY extraction DESC LIMIT 100
    """,
    above=0,
    summary="{case_id}: {value:.0f} account(s) look like distillation of the model.",
    board="hydrometer-case?var-case={case_id}",
    lingers="10m",
)
