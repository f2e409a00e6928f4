"""The reference server of TAXII 2.1, OASIS's medallion from PyPI: its collection is fetched, by pages, and later only what is new.

The server lives in an environment of its own, which this test makes with uv; MEDALLION_PYTHON names one that has `medallion` already.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from aiohttp.test_utils import unused_port
from click.testing import CliRunner

from streams.cli.main import cli
from streams.exports import taxii
from streams.exports.ocsf import Json
from streams.testing.builders import foreign_python

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
TOTAL = 7

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return foreign_python(tmp_path_factory.mktemp("medallion"), "MEDALLION_PYTHON", "medallion")


def objects() -> Iterator[tuple[Json, Json]]:
    """Yield indicators, each with its line in the server's manifest."""
    for number in range(TOTAL):
        name, made = f"indicator--00000000-0000-4000-8000-00000000000{number}", f"2026-11-2{number}T00:00:00.000000Z"
        yield (
            {
                "type": "indicator", "spec_version": "2.1", "id": name, "created": made, "modified": made, "valid_from": made,
                "valid_until": "2099-01-01T00:00:00Z", "pattern": f"[x-api-client:tls_ja4 = 'ja4-{number}']", "pattern_type": "stix",
            },
            {"id": name, "date_added": made, "version": made, "media_type": "application/stix+json;version=2.1"},
        )  # fmt: skip


@pytest.fixture(scope="module")
def collection(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server's collection."""
    folder, port = tmp_path_factory.mktemp("taxii"), unused_port()
    pairs = list(objects())
    shelf = {"id": COLLECTION, "title": "t", "can_read": True, "can_write": False, "media_types": ["application/stix+json;version=2.1"]}
    root = {
        "information": {"title": "r", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 9_765_625},
        "status": [], "collections": [{**shelf, "manifest": [line for _, line in pairs], "objects": [one for one, _ in pairs]}],
    }  # fmt: skip
    discovery = {"title": "d", "api_roots": [f"http://127.0.0.1:{port}/api1/"], "default": f"http://127.0.0.1:{port}/api1/"}
    (folder / "data.json").write_text(json.dumps({"/discovery": discovery, "api1": root}))
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": str(folder / "data.json")}
    (folder / "config.json").write_text(json.dumps({"backend": backend, "users": {"ada": "pw"}, "taxii": {"max_page_size": 100}}))
    command = [python, "-m", "medallion.scripts.run", "--port", str(port), str(folder / "config.json")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/api1/collections/{COLLECTION}/"
    try:
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up and server.poll() is None:
            try:
                requests.get(address, timeout=5)
                break
            except requests.RequestException:
                time.sleep(0.2)
        assert server.poll() is None, (folder / "log").read_text()[-3000:]
        yield address
    finally:
        server.terminate()
        server.wait(30)


def test_a_collection_is_fetched_by_pages_and_then_only_what_is_new(
    collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taxii, "PAGE_OBJECTS", 3)
    env = {"HYDROMETER_MODE": "local", "HYDROMETER_INDICATORS": str(tmp_path / "indicators.json"), "HYDROMETER_TAXII_USERNAME": "ada"}
    refused = CliRunner(env=env).invoke(cli, ["indicators", "fetch", collection])
    assert "refuses (HTTP 401): set HYDROMETER_TAXII_USERNAME" in str(refused.exception)
    runner = CliRunner(env=env | {"HYDROMETER_TAXII_PASSWORD": "pw"})
    first = runner.invoke(cli, ["indicators", "fetch", collection], catch_exceptions=False)
    assert first.output.startswith(f"{TOTAL} new, 0 known before, {TOTAL} in ")
    again = runner.invoke(cli, ["indicators", "fetch", collection], catch_exceptions=False)
    assert again.output.startswith(f"0 new, 0 known before, {TOTAL} in ")
    whole = runner.invoke(cli, ["indicators", "fetch", "--all", collection], catch_exceptions=False)
    assert whole.output.startswith(f"0 new, {TOTAL} known before, {TOTAL} in ")
