"""More new cases than the analysts can read, and than were reckoned with."""

from __future__ import annotations

from dashboards.rule import Rule
from dashboards.sql import ALERTED
from models.evidence.calibration import FALSE_ALERTS_PER_DAY, REFERENCE_ENTITIES

READABLE_CASES = 20
"""Cases a day that two people can look at with care: fewer are easy to bear, however few accounts there are."""

rule = Rule(
    title="The alert budget is exceeded",
    team="oncall",
    severity="ticket",
    question=(
        f"Did more cases of one behaviour open within a day than the budget, {FALSE_ALERTS_PER_DAY:g} for each "
        f"{REFERENCE_ENTITIES:,.0f} accounts that are scored? Then a threshold, a feature or the traffic has changed, "
        f"and analysts get more cases than they can read. Up to {READABLE_CASES} never alert."
    ),
    sql=f"""
        WITH (
            SELECT sum(newest) FROM (
                SELECT argMax(value, time) AS newest
                FROM hydrometer.health
                WHERE metric = 'hydrometer_entities' AND labels['agent'] = 'accounts' AND time > now() - INTERVAL 1 DAY
                GROUP BY labels['partition']
            )
        ) AS watched
        SELECT behaviour,
            count() - floor(greatest({READABLE_CASES}, {FALSE_ALERTS_PER_DAY / REFERENCE_ENTITIES} * ifNull(watched, 0))) AS value
        FROM hydrometer.cases FINAL
        WHERE opened_at > now() - INTERVAL 1 DAY AND {ALERTED}
        GROUP BY behaviour ORDER BY behaviour
    """,
    above=0,
    summary="Cases of {behaviour} that opened within a day: {value:.0f} more than the budget.",
    board="hydrometer-soc",
)
