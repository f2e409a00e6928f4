"""`make fuzz`: inputs that are guided by coverage (atheris), for whatever reads what strangers send (`targets.py`).

Seeded, in stages: a stage is a twentieth of the 10 million inputs, in fixed shares of the targets, each target in a process of its own. The
next stage has the next seed and begins with the inputs that earlier stages found new. `make fuzz` is one stage, `ALL=1` all of them;
`FROM=7` goes on at the eighth. An error that no person is meant to read, an input that takes over a second of CPU, and growth of the
process beyond a bound are failures, and the input's path is printed: make it a test. What was done is a figure (`docs/data/fuzz`).
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from streams.testing.figures import write

TARGETS: Final = importlib.import_module("targets").TARGETS

SEED: Final = int(os.environ.get("SEED", "17"))
STAGES: Final = 20
"""Each reads one in so many of the whole number of inputs."""
SLOWEST_SECONDS: Final = 1.0
"""Of CPU, for one input: other processes of the machine do not count."""
GROWTH_MB: Final = 50.0
"""Of the process's peak, from its first inputs to its last."""
WARM: Final = 4096
"""Inputs until caches are filled and growth counts; then it is looked at again after as many."""
INSTRUMENTED: Final = ("streams", "models.state")
BUILD: Final = Path("build/fuzz")
ROWS: Final = BUILD / "runs.json"
"""What was done since the first stage."""


class Guard:
    """Passes inputs on to a target, and fails for one that is slow or that makes the process grow."""

    def __init__(self, target: Callable[[bytes], object], report: Path) -> None:
        """Guard a target. What was weighed last is in the file `report`."""
        self._target = target
        self._report = report
        self._inputs = 0
        self._first_mb = 0.0
        self._slowest = 0.0

    def __call__(self, data: bytes) -> None:
        """Pass an input on."""
        began = time.process_time()
        self._target(data)
        seconds = time.process_time() - began
        if seconds > SLOWEST_SECONDS:
            raise TimeoutError(f"an input took {seconds:.1f} s")
        self._slowest = max(self._slowest, seconds)
        self._inputs += 1
        if self._inputs % WARM == 0:
            self._weigh()

    def _weigh(self) -> None:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self._first_mb = self._first_mb or peak_mb
        grown = peak_mb - self._first_mb
        weighed = {"growth_mb": round(grown, 1), "slowest_seconds": round(self._slowest, 3), "cpu_seconds": round(time.process_time(), 1)}
        self._report.write_text(json.dumps(weighed))
        if grown > GROWTH_MB:
            raise MemoryError(f"the process grew by {grown:.0f} MB within {self._inputs} inputs")


def fuzz(name: str, runs: int, seed: int) -> None:
    """Run one target in this process. atheris ends it."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        target, firsts = TARGETS[name][0]()
    for first in firsts:  # what is loaded on the way is loaded now
        target(first)
    folder = BUILD / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(firsts):
        (corpus / f"seed-{number}").write_bytes(first)
    options = [f"-runs={runs}", f"-seed={seed}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/bad-"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], Guard(target, folder / "weighed.json"))
    atheris.Fuzz()


def trouble(printed: str) -> str:
    """Return the end of a Python error that atheris printed."""
    return printed.partition("Uncaught Python exception")[2][-2000:]


def run(name: str, runs: int, seed: int) -> dict[str, Any]:
    """Run one target in a process of its own; return what it did, and print it."""
    weighed = BUILD / name / "weighed.json"
    weighed.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--one", name, str(runs), str(seed)]
    found = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    done = re.findall(r"Done (\d+) runs in (\d+) second", found.stderr)
    good = bool(done) and not found.returncode
    inputs, seconds = map(int, done[-1]) if good else (0, 0)
    row = {"target": name, "seed": seed, "inputs": inputs, "seconds": seconds, "good": good}
    row |= json.loads(weighed.read_text()) if weighed.exists() else {}
    print(json.dumps(row), flush=True)
    if not good:
        print(f"{name}: failed\n{trouble(found.stdout)}{found.stderr[-700:]}", flush=True)
    return row


def main() -> int:
    """Run every target, or those that are named. Returns 0 when nothing failed."""
    names = sys.argv[1:] or list(TARGETS)
    first = int(os.environ.get("FROM", "0"))
    stages = range(first, STAGES if os.environ.get("ALL") else first + 1)
    if not first:
        for name in names:
            shutil.rmtree(BUILD / name / "corpus", ignore_errors=True)
    rows: list[dict[str, Any]] = json.loads(ROWS.read_text()) if first and ROWS.exists() else []
    for stage in stages:
        for name in names:
            rows.append(run(name, int(os.environ.get("RUNS", TARGETS[name][1] // STAGES)), SEED + stage))
            ROWS.write_text(json.dumps(rows))
        left_out = "" if not sys.argv[1:] and stage == STAGES - 1 else f"stages after {stage + 1} of {STAGES}"
        write("fuzz", {"runs": rows}, command="make fuzz ALL=1", seed=SEED, partial=left_out)
    failed = sorted({row["target"] for row in rows if not row["good"]})
    inputs = sum(row["inputs"] for row in rows)
    print(f"{inputs:,} inputs, seeds from {SEED}, {len(failed)} failed {' '.join(failed)}".rstrip())
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(main())
