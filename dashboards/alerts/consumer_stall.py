"""Records wait, and their reader does not move."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="An agent is stuck",
    team="oncall",
    severity="page",
    question=(
        "Which agent has records waiting in a partition and has processed none of them for five minutes? "
        "Of several workers that report a partition, the one furthest ahead owns it."
    ),
    sql="""
        SELECT agent, topic, partition, argMax(waiting, (position, time)) AS value
        FROM (
            SELECT instance, time, labels['agent'] AS agent, labels['topic'] AS topic, labels['partition'] AS partition,
                maxIf(value, metric = 'hydrometer_position') AS position, maxIf(value, metric = 'hydrometer_lag') AS waiting
            FROM hydrometer.health
            WHERE time > now() - INTERVAL 6 MINUTE AND metric IN ('hydrometer_position', 'hydrometer_lag')
            GROUP BY instance, time, labels
        )
        GROUP BY agent, topic, partition
        HAVING max(position) = maxIf(position, time < now() - INTERVAL 5 MINUTE) AND countIf(time < now() - INTERVAL 5 MINUTE) > 0
        ORDER BY value DESC LIMIT 100
    """,
    above=0,
    summary="The agent {agent} is stuck on {topic}/{partition} with {value:.0f} records waiting.",
    board="hydrometer-oncall",
)
