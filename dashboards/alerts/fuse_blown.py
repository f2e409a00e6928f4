"""`collect` has paused a source."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="Collect has paused a source",
    team="oncall",
    severity="page",
    question="Which instance of `collect` paused a source within ten minutes because too many of its lines were refused?",
    sql="""
        SELECT instance, argMax(value, time) AS value
        FROM hydrometer.health
        WHERE metric = 'hydrometer_fuse_blown' AND time > now() - INTERVAL 10 MINUTE
        GROUP BY instance ORDER BY instance
    """,
    above=0,
    summary="{instance} has paused a source, because too many of its lines are refused: check the format of its log.",
    board="hydrometer-oncall",
)
