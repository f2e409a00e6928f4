"""A feed is silent for longer than its own habits explain."""

from __future__ import annotations

from dashboards.rule import Rule
from models.evidence.feed_silence import MAX_FALSE_ALERTS_PER_DAY

rule = Rule(
    title="A feed is silent",
    team="oncall",
    severity="page",
    question="In how many days is a healthy feed silent for as long once? A silent feed hides attacks.",
    sql="""
        SELECT labels['feed'] AS feed, 1 / greatest(argMax(value, time), 1e-9) AS value
        FROM hydrometer.health
        WHERE metric = 'hydrometer_feed_false_alerts' AND time > now() - INTERVAL 2 MINUTE
        GROUP BY feed ORDER BY feed
    """,
    above=1 / MAX_FALSE_ALERTS_PER_DAY,
    summary="The feed {feed} is silent for as long as a healthy feed once in {value:.0f} days: attacks in it are not seen.",
    waits="1m",
    board="hydrometer-oncall",
)
