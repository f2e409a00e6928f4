"""Too many lines are set aside, or collect has stopped because of them."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="Events are set aside",
    team="oncall",
    severity="page",
    question=(
        "Which source has more than 5 % of all lines of the last ten minutes in the dead letters? At 20 % `collect` pauses the "
        "source, so that a changed log format does not turn a day of traffic into dead letters."
    ),
    sql="""
        SELECT source, argMax(reason, refused) AS reason, sum(refused) / (any(everything) + any(accepted)) AS value
        FROM (
            SELECT source, reason, sum(count) AS refused,
                ifNull((SELECT sum(count) FROM hydrometer.dead_letters WHERE minute > now() - INTERVAL 10 MINUTE), 0) AS everything,
                ifNull((SELECT sum(requests) FROM hydrometer.usage_minute WHERE minute > now() - INTERVAL 10 MINUTE), 0) AS accepted
            FROM hydrometer.dead_letters
            WHERE minute > now() - INTERVAL 10 MINUTE
            GROUP BY source, reason
        )
        GROUP BY source ORDER BY value DESC LIMIT 20
    """,
    above=0.05,
    summary="{source} sends unreadable lines ({reason}): {value:.2f} of all lines of ten minutes are set aside.",
    board="hydrometer-oncall",
)
