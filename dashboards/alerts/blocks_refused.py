"""Whole blocks that an agent could not read."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="Blocks cannot be read",
    team="oncall",
    severity="ticket",
    question="Which agent has set aside blocks within the last hour? Each has up to 1,024 events; usually two versions run at once.",
    sql="""
        SELECT agent, sum(raised) AS value
        FROM (
            SELECT instance, labels['agent'] AS agent,
                greatest(maxIf(value, time > now() - INTERVAL 1 HOUR) - maxIf(value, time <= now() - INTERVAL 1 HOUR), 0) AS raised
            FROM hydrometer.health
            WHERE metric = 'hydrometer_blocks_refused' AND time > now() - INTERVAL 2 HOUR
            GROUP BY instance, agent
        )
        GROUP BY agent ORDER BY agent
    """,
    above=0,
    summary="{agent} could not read {value:.0f} blocks within an hour and set them aside.",
    board="hydrometer-oncall",
)
