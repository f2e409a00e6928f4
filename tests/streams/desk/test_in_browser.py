"""The desk in a real browser: Debian's Chromium, driven by Playwright; axe-core looks for what hinders people.

Playwright lives in an environment of its own, which this test makes with uv (PLAYWRIGHT_PYTHON names one that has it); axe-core comes from
npm (AXE names its file). What cannot be had is skipped, with its reason.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from streams.clickhouse.client import ClickHouse
from streams.desk.sessions import Person, Sessions
from streams.exports.ocsf import Json
from streams.schema.cases import Case
from streams.testing.builders import foreign_python

ROOT = Path(__file__).resolve().parents[3]
MEMBERS = 20_000
AXE_VERSION = "4.11.0"
LEAST_LETTER_PIXELS = 8

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return foreign_python(tmp_path_factory.mktemp("playwright"), "PLAYWRIGHT_PYTHON", "playwright")


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of axe-core; empty when it cannot be had."""
    if given := os.environ.get("AXE"):
        return given
    folder = tmp_path_factory.mktemp("axe")
    try:
        subprocess.run(["npm", "pack", "--silent", f"axe-core@{AXE_VERSION}"], cwd=folder, check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return ""
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        package.extract("package/axe.min.js", folder, filter="data")
    return str(folder / "package/axe.min.js")


@pytest.fixture
async def seen(
    desk: TestClient[Any, Any],
    sessions: Sessions,
    make_case: Callable[..., Case],
    clickhouse: ClickHouse,
    python: str,
    axe: str,
    chromium: str,
) -> Json:
    """What two people saw who walked the desk."""
    origin = str(desk.make_url("/")).rstrip("/")
    for number in range(30):
        clickhouse.query(
            "INSERT INTO requests (time, event_id, account_id, output_tokens, router, user_agent) "
            "SELECT %(at)s, %(id)s, 'ada', 300, 170, 'openai-python/1.2'",
            {"at": int(time.time()) - 2000 * number, "id": f"walk-{number}"},
        )
    people = (Person("ada", "analyst"), Person("bob", "approver"))
    plan = {
        "origin": origin, "links": {person.name: f"{origin}/login?token={sessions.invite(person)}" for person in people},
        "case": make_case("ada", "bob", "eve").case_id, "large": make_case(*(f"acct-{number:05d}" for number in range(MEMBERS))).case_id,
        "chromium": chromium, "axe": axe,
    }  # fmt: skip
    walk = await asyncio.create_subprocess_exec(
        python, str(ROOT / "tests/browser/walk.py"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await walk.communicate(json.dumps(plan).encode())
    assert walk.returncode == 0, error.decode()[-3000:]
    walked: Json = json.loads(out)
    return walked


async def test_two_people_work_a_case_by_mouse_and_keys_and_nothing_hinders_them(seen: Json, axe: str) -> None:
    assert seen["errors"] == []
    assert seen["keys"] == {"help": True, "search": "find", "opened": "case"}
    assert seen["together"] == {"comment": True, "owner": True}
    assert seen["lost"] == [False, True, False]
    assert {name: wider for name, wider in seen["widths"].items() if wider > 0} == {}, "no page is wider than its window"
    assert {name: height for name, height in seen["letters"].items() if 0 < height < LEAST_LETTER_PIXELS} == {}, "letters that people read"
    assert f"{MEMBERS:,} accounts listed" in seen["large"]["text"]
    assert seen["large"]["rows"] <= 100, "a page has a part of them"
    if not axe:
        pytest.skip("axe-core cannot be had from npm: the rest of the walk passed")
    assert len(seen["violations"]) == 10
    assert {name: found for name, found in seen["violations"].items() if found} == {}
