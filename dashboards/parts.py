"""Panels and rows that several boards share: raw requests, evidence over time, and a feature's panels by family."""

from __future__ import annotations

from typing import Final

from dashboards import links
from dashboards.board import Row, Tile
from dashboards.palette import EXTRACTION, EXTRACTION_STEPS, ROUTING
from dashboards.panel import panels
from dashboards.sql import FAMILY_COLUMNS, families
from dashboards.views import Column, Trend
from models.evidence.families import FAMILIES
from streams.clickhouse.hash_text import as_hex
from streams.features.declaration import Entity

_MAX_REQUESTS: Final = 200


def requests_of(which: str) -> str:
    """Return the query of the latest requests that meet a condition."""
    return f"""
    SELECT time, account_id, request_model, input_tokens, output_tokens, reasoning_tokens, status, round(duration, 2) AS seconds,
        message_count, temperature,
    {as_hex("router")} AS router_id, {as_hex("payment")} AS payment_id, {as_hex("template")} AS template_id, as_type, user_agent
    FROM hydrometer.requests WHERE $__timeFilter(time) AND {which} ORDER BY time DESC LIMIT {_MAX_REQUESTS}
    """


REQUEST_COLUMNS: Final = {
    "time": Column(title="Time", unit="dateTimeAsIso", width=160),
    "account_id": Column(title="Account", link=links.to_account(), width=165),
    "request_model": Column(title="Model", width=105),
    "input_tokens": Column(title="In", width=65),
    "output_tokens": Column(title="Out", width=65),
    "reasoning_tokens": Column(title="Reasoning", width=85),
    "status": Column(title="Status", unit="none", width=65),
    "seconds": Column(title="Took", unit="s", width=85),
    "message_count": Column(title="Messages", width=85),
    "temperature": Column(title="Temp.", width=65),
    "router_id": Column(title="Router", link=links.to_group("router", "router_id"), width=165),
    "payment_id": Column(title="Card", link=links.to_group("payment", "payment_id"), width=165),
    "template_id": Column(title="Template", link=links.to_group("template", "template_id"), width=165),
    "as_type": Column(title="Network", width=85),
    "user_agent": Column(title="User agent"),
}


def evidence_trends(scores: str, *, over_time: str, question: str) -> tuple[Tile, Tile]:
    """Return the evidence of one entity over time, and by family.

    Args:
        scores: the FROM and WHERE that select its scores.
        over_time: the query of its two measures, with columns bucket, extraction and routing.
        question: what the first panel answers.

    """
    by_family = f"SELECT $__timeInterval(time) AS bucket, {families('families', 'max({})')} {scores} GROUP BY bucket ORDER BY bucket"
    total = Trend(
        title="Evidence over time",
        question=question,
        sql=over_time,
        unit="suffix: nats",
        steps=EXTRACTION_STEPS,
        bars_at=True,
        columns={"extraction": Column(color=EXTRACTION), "routing": Column(color=ROUTING)},
        empty="It has no score in this time range.",
    )
    parts = Trend(
        title="Evidence by family",
        question="Which families of evidence are above zero, and since when?",
        sql=by_family,
        unit="suffix: nats",
        style="bars",
        stacked=True,
        columns=FAMILY_COLUMNS,
    )
    return Tile(total, 8, 8), Tile(parts, 8, 8)


def feature_rows(entity: Entity) -> list[Row]:
    """Return a collapsed row per family with the panel of each feature of this kind of entity, new features included."""
    shown = [panel for panel in panels().values() if panel.feature.entity == entity]
    by_family = {family: [panel for panel in shown if panel.feature.family == family] for family in FAMILIES}
    return [Row(f"Features: {family}", [Tile(panel, 8, 8) for panel in held], collapsed=True) for family, held in by_family.items() if held]
