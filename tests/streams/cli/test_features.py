from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from streams.cli.features import features
from streams.features.registry import by_name


@pytest.mark.parametrize(("options", "start"), [((), "name"), (("--markdown",), "| name |")])
def test_every_feature_is_in_the_table(options: tuple[str, ...], start: str) -> None:
    output = CliRunner().invoke(features, options).output
    assert output.startswith(start)
    for name in by_name():
        assert name in output


def test_json_has_every_feature_once() -> None:
    rows = json.loads(CliRunner().invoke(features, ["--json"]).output)
    assert [row["name"] for row in rows] == list(by_name())
