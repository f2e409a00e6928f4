"""A case of routing without a verdict."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="Traffic looks like a router or reseller",
    team="soc",
    severity="ticket",
    question="Which accounts share one router, without a decision so far? Its users need not be distillers.",
    sql="""
        SELECT case_id, behaviour, toFloat64(accounts) AS value
        FROM hydrometer.cases FINAL
        WHERE state = 'open' AND behaviour = 'routing' AND NOT muted AND JSONExtractString(payload, 'label', 'verdict') = ''
        ORDER BY routing DESC LIMIT 100
    """,
    above=0,
    summary="{case_id}: {value:.0f} account(s) look like a router or reseller; that alone does not make them distillers.",
    board="hydrometer-case?var-case={case_id}",
    lingers="10m",
)
