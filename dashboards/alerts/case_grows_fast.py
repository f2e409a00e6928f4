"""A case to which accounts are added faster than a person could follow."""

from __future__ import annotations

from dashboards.rule import Rule
from dashboards.sql import ALERTED

rule = Rule(
    title="A case grows fast",
    team="soc",
    severity="page",
    question="Which case older than an hour has gained more than 20 accounts within the last one? Accounts are being opened in bulk.",
    sql=f"""
        SELECT case_id, behaviour, toFloat64(joined) AS value
        FROM (SELECT * FROM hydrometer.cases FINAL) AS cases LEFT JOIN (
            SELECT case_id, countIf(JSONExtractFloat(value, 'joined_at') > toUnixTimestamp(now()) - 3600) AS joined
            FROM hydrometer.case_lists WHERE part = 'members' GROUP BY case_id) AS lists USING case_id
        WHERE state = 'open' AND {ALERTED} AND opened_at < now() - INTERVAL 1 HOUR
        ORDER BY value DESC LIMIT 100
    """,
    above=20,
    summary="{case_id} has gained {value:.0f} accounts within an hour.",
    board="hydrometer-case?var-case={case_id}",
    lingers="30m",
)
