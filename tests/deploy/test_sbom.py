"""`make sbom`: the list of what the image's environment holds is valid CycloneDX, and is the lock."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_list_names_every_package_of_the_lock_at_its_version_and_nothing_else() -> None:
    """cyclonedx-py validates what it writes."""
    done = subprocess.run(["make", "-C", ROOT, "sbom"], check=False, capture_output=True, text=True)
    if done.returncode and re.search(r"Failed to fetch|error sending request|dns error", done.stderr):
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    listed = json.loads((ROOT / "build/sbom.cdx.json").read_text())
    assert listed["bomFormat"] == "CycloneDX"
    names = {(each["name"].lower().replace("_", "-").replace(".", "-"), each["version"]) for each in listed["components"]}
    assert names == set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (listed["metadata"]["component"]["name"], listed["metadata"]["component"]["version"]) == (project["name"], project["version"])
