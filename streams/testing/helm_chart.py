"""The chart in `deploy/helm`: its examples, and what Helm makes of them, which is kept as golden files.

A golden file begins with a digest of what it was made of, so that a changed chart is noticed where Helm is not installed.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streams.core.repository import ROOT

CHART: Final = ROOT / "deploy" / "helm" / "hydrometer"
EXAMPLES: Final = ROOT / "deploy" / "helm" / "examples"
GOLDEN: Final = ROOT / "tests" / "deploy" / "helm" / "golden"
RELEASE: Final = ("hydrometer", "--namespace", "hydrometer")
"""The name of the release that golden files are of, and where it is installed."""

KUBERNETES: Final = "1.27.0"
"""The oldest version of Kubernetes that the chart is for."""


def values_files() -> list[Path]:
    """Return the examples of values, by name."""
    return sorted(EXAMPLES.glob("values-*.yaml"))


def golden_of(values: Path) -> Path:
    """Return the golden file of an example of values.

    >>> golden_of(Path("values-own-servers.yaml")).name
    'own-servers.yaml'
    """
    return GOLDEN / values.name.removeprefix("values-")


def inputs(values: Path) -> Iterator[Path]:
    """Yield the files that a golden file is made of: the chart's, by name, and the example of values."""
    yield from sorted(path for path in CHART.rglob("*") if path.is_file() and path.name != ".helmignore")
    yield values


def header(values: Path) -> str:
    """Return the first line of a golden file: the digest of its inputs, their names included."""
    digest = hashlib.sha256()
    for path in inputs(values):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return f"# Made by `make helm-check WRITE=1` of inputs with the SHA-256 {digest.hexdigest()}\n"


def template(helm: str, values: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Render the chart with an example of values, and with more options of `helm template`; it may have failed."""
    command = [helm, "template", *RELEASE, str(CHART), "--kube-version", KUBERNETES, "--values", str(values), *more]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def rendered(helm: str, values: Path) -> str:
    """Return what a golden file should hold. Raises CalledProcessError, with Helm's words in its `stderr`."""
    done = template(helm, values)
    done.check_returncode()
    return header(values) + done.stdout
