"""State that is not durable."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="A checkpoint is too old",
    team="oncall",
    severity="ticket",
    question="Which partition has changes that are older than five minutes and not durable? A crash would process all of them again.",
    sql="""
        SELECT labels['agent'] AS agent, labels['partition'] AS partition, argMax(value, time) AS value
        FROM hydrometer.health
        WHERE metric = 'hydrometer_checkpoint_seconds' AND time > now() - INTERVAL 1 MINUTE
        GROUP BY agent, partition ORDER BY value DESC LIMIT 100
    """,
    above=300,
    summary="The state of {agent}, partition {partition}, was last made durable {value:.0f} s ago.",
    waits="2m",
    board="hydrometer-oncall",
)
