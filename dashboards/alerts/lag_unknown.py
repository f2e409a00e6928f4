"""The number of waiting records cannot be read."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="Lag cannot be read",
    team="oncall",
    severity="page",
    question="Which worker has not been able to read for three minutes how many records wait? No other rule sees a stall then.",
    sql="""
        SELECT instance, labels['agent'] AS agent, min(value) AS value
        FROM hydrometer.health
        WHERE metric = 'hydrometer_lag_unknown' AND time > now() - INTERVAL 3 MINUTE
        GROUP BY instance, agent
        HAVING max(time) > now() - INTERVAL 1 MINUTE AND min(time) < now() - INTERVAL 2 MINUTE
        ORDER BY instance, agent LIMIT 100
    """,
    above=0,
    summary="{instance} cannot read how many records wait for {agent}: does Kafka answer?",
    board="hydrometer-oncall",
)
