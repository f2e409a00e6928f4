"""The ready configurations: complete, readable by a parser, without a secret, and at a door that `collect` has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "shippers"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.name != "README.md")
DOORS = {"/v1/events", "/healthz", ""}
"""Paths of `collect`; an OTLP exporter appends its own to the address."""


def parsed(name: str) -> Any:
    text = (FOLDER / name).read_text()
    if name.endswith(".toml"):
        return tomllib.loads(text)
    return yaml.safe_load(text) if name.endswith(".yaml") else text


def test_the_table_names_every_file() -> None:
    table = re.findall(r"\]\(([a-z-]+\.\w+)\)", (FOLDER / "README.md").read_text())
    assert sorted(table) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_parses_and_holds_no_secret(name: str) -> None:
    assert parsed(name)
    text = (FOLDER / name).read_text()
    assert not re.search(r"Bearer (?!\$\{|TOKEN)", text)
    assert "HYDROMETER_INTAKE_TOKEN" in text or "vault://env/" in text or "kafka" in text


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_goes_to_a_door_of_collect(name: str) -> None:
    text = (FOLDER / name).read_text()
    doors = re.findall(r"http://collect:8088(/[\w/]*)?", text) + re.findall(r"uri: (/\S+)", text)
    assert doors or 'topic="requests-raw"' in text
    assert set(doors) <= DOORS
