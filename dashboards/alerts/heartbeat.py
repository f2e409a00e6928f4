"""The rule that fires when no process is left to report."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="Hydrometer is silent",
    team="oncall",
    severity="page",
    question=(
        "Has any worker reported its health within two minutes? If not, no other rule can be trusted. "
        "Other processes do not count: `collect` may run while no worker reads its blocks."
    ),
    sql="""
        SELECT process, toFloat64(0) AS value
        FROM hydrometer.health
        WHERE time > now() - INTERVAL 2 MINUTE AND process = 'worker'
        GROUP BY process ORDER BY process
    """,
    above=0,
    summary="{process} is silent.",
    silence="No worker of Hydrometer has reported for two minutes: the traffic is not monitored.",
    waits="1m",
    no_rows="Alerting",
    on_error="Alerting",
    board="hydrometer-oncall",
)
