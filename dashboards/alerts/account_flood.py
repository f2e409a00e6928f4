"""One card, key or organisation under which accounts appear by the thousand."""

from __future__ import annotations

from dashboards.rule import Rule
from streams.clickhouse.hash_text import as_hex

rule = Rule(
    title="A flood of accounts",
    team="soc",
    severity="page",
    question=(
        "Under which card, API key or organisation have more than 5,000 different accounts sent requests within the last hour? "
        "One hand opens them in bulk, or account ids in the log are chosen by callers."
    ),
    sql=f"""
        SELECT link.1 AS kind, link.2 AS id, toFloat64(uniq(account_id)) AS value
        FROM hydrometer.requests
        ARRAY JOIN [
            ('card', {as_hex("payment")}),
            ('key', {as_hex("api_key")}),
            ('organisation', toString(organization_id))
        ] AS link
        WHERE time > now() - INTERVAL 1 HOUR AND link.2 != ''
        GROUP BY kind, id HAVING value > 5000
        ORDER BY value DESC, kind, id LIMIT 100
    """,
    above=5000,
    summary="{value:.0f} accounts sent requests under the {kind} {id} within an hour.",
    board="hydrometer-soc",
    lingers="30m",
)
