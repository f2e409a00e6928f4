"""ClickHouse does not accept rows, or does not answer at all."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="ClickHouse does not accept rows",
    team="oncall",
    severity="page",
    question="Which table has refused batches more than ten times in five minutes? Nothing is lost while Kafka keeps the data (72 hours).",
    sql="""
        SELECT table, sum(raised) AS value
        FROM (
            SELECT instance, labels['table'] AS table,
                greatest(maxIf(value, time > now() - INTERVAL 5 MINUTE) - maxIf(value, time <= now() - INTERVAL 5 MINUTE), 0) AS raised
            FROM hydrometer.health
            WHERE metric = 'hydrometer_insert_retries' AND time > now() - INTERVAL 10 MINUTE
            GROUP BY instance, table
        )
        GROUP BY table ORDER BY table
    """,
    above=10,
    summary="ClickHouse refused batches for {table} {value:.0f} times in five minutes; the boards lag behind.",
    silence="ClickHouse does not answer: boards and alerts do not work. Kafka keeps the data for 72 hours.",
    waits="1m",
    on_error="Alerting",
    board="hydrometer-oncall",
)
