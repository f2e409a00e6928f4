"""`collect` has stopped itself."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="Collect has stopped itself",
    team="oncall",
    severity="page",
    question="Which instance of `collect` ended within ten minutes because too many lines were refused? A restart alone ends the same way.",
    sql="""
        SELECT instance, argMax(value, time) AS value
        FROM hydrometer.health
        WHERE metric = 'hydrometer_fuse_blown' AND time > now() - INTERVAL 10 MINUTE
        GROUP BY instance ORDER BY instance
    """,
    above=0,
    summary="{instance} has blown its fuse and takes no more events: the log's format has changed.",
    board="hydrometer-oncall",
)
