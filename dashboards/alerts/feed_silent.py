"""No events arrive although there were some today."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="No events arrive",
    team="oncall",
    severity="page",
    question="How long ago is the newest event, if there were any within a day? Silence looks like peace, and is neither.",
    sql="""
        SELECT 'requests' AS feed, toFloat64(greatest(dateDiff('second', max(minute), now()), 0)) AS value
        FROM hydrometer.usage_minute
        WHERE minute > now() - INTERVAL 1 DAY
        HAVING count() > 0
    """,
    above=900,
    summary="The newest event of the feed {feed} is {value:.0f} s old: we see no attack, because we see nothing.",
    waits="1m",
    board="hydrometer-oncall",
)
