"""A case that has already taken enough answers to train on."""

from __future__ import annotations

from dashboards.rule import Rule
from dashboards.sql import ALERTED

rule = Rule(
    title="A case has received much output",
    team="soc",
    severity="page",
    question=(
        "Which open case of extraction has received more than 50 million output tokens? "
        "Published distillation sets are of that size or smaller."
    ),
    sql=f"""
        SELECT case_id, behaviour, output_tokens / 1e6 AS value
        FROM hydrometer.cases FINAL
        WHERE state = 'open' AND behaviour = 'extraction' AND {ALERTED}
        ORDER BY value DESC LIMIT 100
    """,
    above=50,
    summary="{case_id} has received {value:.0f} million output tokens so far.",
    board="hydrometer-case?var-case={case_id}",
    lingers="10m",
)
