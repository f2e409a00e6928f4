"""`hydrometer indicators`: documents in, a list, and out again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.core.errors import SettingsError
from streams.schema.indicators import IndicatorsError

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command with a file of indicators, and return what it printed."""
    env = {"HYDROMETER_MODE": "local", "HYDROMETER_INDICATORS": str(tmp_path / "kept.json")}

    def invoke(*words: str, **more: str) -> str:
        return CliRunner(env=env | more).invoke(cli, ["indicators", *words], catch_exceptions=False).output

    return invoke


@pytest.fixture
def document(tmp_path: Path) -> str:
    """A bundle of two indicators, of which one cannot be compared."""
    start = datetime.fromtimestamp(time.time() // 86_400 * 86_400, UTC).isoformat()
    common = {"type": "indicator", "pattern_type": "stix", "valid_from": start}
    patterns = ("[x-api-client:tls_ja4 = 't13d']", "[ipv4-addr:value = '192.0.2.1']")
    path = tmp_path / "partner.stix.json"
    path.write_text(json.dumps({"objects": [{**common, "pattern": pattern} for pattern in patterns]}))
    return str(path)


def test_a_document_is_imported_once_listed_and_removed(run: Run, document: str) -> None:
    assert run("import", document).startswith("1 new, 0 known before, 1 in ")
    assert run("import", document).endswith("kept.json; left out: 1 not comparable\n")
    listed = run("list")
    assert listed.startswith("ind-")
    assert "  tls_ja4 t13d  from partner.stix.json, no TLP mark, until 20" in listed
    assert run("remove", listed.split()[0]) == "removed 1 indicators\n"
    assert run("list").endswith("has no indicator in force: `hydrometer indicators import FILE` adds those of a document\n")


def test_what_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(IndicatorsError, match="has no ind-1: `hydrometer indicators list --all` prints them"):
        run("remove", "ind-1")
    with pytest.raises(IndicatorsError, match="No such file"):
        run("import", str(tmp_path / "nowhere.json"))


def test_a_wordings_sketches_need_the_key_that_partners_share(run: Run, tmp_path: Path) -> None:
    wording = tmp_path / "wording.txt"
    wording.write_text("Rate the answer from 1 to 10")
    with pytest.raises(SettingsError, match="HYDROMETER_SHARED_SKETCH_KEY is not set"):
        run("sketch", str(wording))
    ours, theirs = (run("sketch", str(wording), HYDROMETER_SHARED_SKETCH_KEY=key) for key in ("a shared key", "another key"))
    assert ours.count("x-api-client:template = '") == 2
    assert ours != theirs
    assert "Rate" not in ours


def test_without_a_file_it_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="HYDROMETER_INDICATORS is not set"):
        CliRunner(env={"HYDROMETER_MODE": "local"}).invoke(cli, ["indicators", "list"], catch_exceptions=False)
