"""More new cases than the analysts can read."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="The alert budget is exceeded",
    team="oncall",
    severity="ticket",
    question=(
        "Did more than 20 cases of one behaviour open within a day? Then a threshold, a feature or the traffic has changed, "
        "and analysts stop reading: twenty a day is what two people can look at with care."
    ),
    sql="""
        SELECT behaviour, toFloat64(count()) AS value
        FROM hydrometer.cases FINAL
        WHERE opened_at > now() - INTERVAL 1 DAY AND NOT muted
        GROUP BY behaviour ORDER BY behaviour
    """,
    above=20,
    summary="{value:.0f} cases of {behaviour} opened within a day; the budget is 20.",
    board="hydrometer-soc",
)
