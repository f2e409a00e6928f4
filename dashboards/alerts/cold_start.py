"""State that could not be read, so that its entities begin anew."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="State started cold",
    team="oncall",
    severity="ticket",
    question="Which agent could not read chunks of its own state within the last hour? Their accounts lost their history: scores are low.",
    sql="""
        SELECT agent, sum(raised) AS value
        FROM (
            SELECT instance, labels['agent'] AS agent,
                greatest(maxIf(value, time > now() - INTERVAL 1 HOUR) - maxIf(value, time <= now() - INTERVAL 1 HOUR), 0) AS raised
            FROM hydrometer.health
            WHERE metric = 'hydrometer_chunks_refused' AND time > now() - INTERVAL 2 HOUR
            GROUP BY instance, agent
        )
        GROUP BY agent ORDER BY agent
    """,
    above=0,
    summary="{value:.0f} chunks of the state of {agent} could not be read: up to 256 entities each start without history.",
    board="hydrometer-oncall",
)
