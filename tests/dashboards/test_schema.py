"""The boards against Grafana's own JSON schemas, where they are at hand (`shared/grafana/jsonschema`)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from dashboards.board import boards
from streams.testing.real_data import real_data

_SCHEMAS = real_data("grafana/jsonschema")
pytestmark = pytest.mark.skipif(_SCHEMAS is None, reason="Grafana's JSON schemas are not beside this checkout: see HYDROMETER_SHARED")

BOARDS = {name: board.render() for name, board in boards().items()}
PANELS = {
    f"{name}: {panel['title']}": panel
    for name, board in BOARDS.items()
    for row in board["panels"]
    for panel in (row["panels"] if row["type"] == "row" else [row])
}


def relaxed(schema: Any) -> Any:
    """Return a schema whose "any", written as an object of anything, is truly any, and whose `oneOf`, which lost what tells its parts
    apart (they all match `{"type": "auto"}`), asks for any of them.
    """
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") == {} and not schema.get("properties"):
            return {}
        return {"anyOf" if key == "oneOf" else key: relaxed(value) for key, value in schema.items()}
    return [relaxed(each) for each in schema] if isinstance(schema, list) else schema


def described(kind: str) -> Path:
    """Return the file of a kind of panel."""
    assert _SCHEMAS is not None
    return _SCHEMAS / f"{kind}.jsonschema.json"


@cache
def validator(kind: str, definition: str = "") -> Draft7Validator:
    schema = relaxed(json.loads(described(kind).read_text()))
    return Draft7Validator({**schema, "$ref": f"#/definitions/{definition}"} if definition else schema)


@cache
def definitions(kind: str) -> tuple[str, ...]:
    return tuple(json.loads(described(kind).read_text())["definitions"])


def complaints(checker: Draft7Validator, document: Any) -> list[str]:
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in checker.iter_errors(document)]


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_a_dashboard_to_grafana(name: str) -> None:
    assert complaints(validator("dashboard", "Dashboard"), BOARDS[name]) == []


@pytest.mark.parametrize("name", PANELS)
def test_options_and_field_settings_of_a_panel_are_those_of_its_type(name: str) -> None:
    panel = PANELS[name]
    kind = panel["type"].replace("-", "")
    if not described(kind).is_file():
        pytest.skip(f"Grafana publishes no schema for panels of type {panel['type']}")
    if "Options" in definitions(kind):
        assert complaints(validator(kind, "Options"), panel["options"]) == []
    if "FieldConfig" in definitions(kind):
        assert complaints(validator(kind, "FieldConfig"), panel["fieldConfig"]["defaults"]["custom"]) == []
