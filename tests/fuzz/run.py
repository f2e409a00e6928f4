"""`make fuzz`: inputs that are guided by coverage (atheris), for whatever reads what strangers send (`targets.py`).

Seeded: the same command reads the same number of inputs of each target, and prints it. An error that no person is meant to read, an input
that takes over a second of CPU, and growth of the process beyond a bound end the run with the input's path: make it a test.
"""

from __future__ import annotations

import importlib
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

TARGETS: Final = importlib.import_module("targets").TARGETS

SEED: Final = int(os.environ.get("SEED", "17"))
SHARE: Final = 1 if os.environ.get("ALL") else 20
"""Of the whole number of inputs, one in so many."""
SLOWEST_SECONDS: Final = 1.0
"""Of CPU, for one input: other processes of the machine do not count."""
GROWTH_MB: Final = 50.0
"""Of the process's peak, from its first inputs to its last."""
WARM: Final = 4096
"""Inputs until caches are filled and growth counts; then it is looked at again after as many."""
INSTRUMENTED: Final = ("streams", "models.state")
BUILD: Final = Path("build/fuzz")


class Guard:
    """Passes inputs on to a target, and fails for one that is slow or that makes the process grow."""

    def __init__(self, target: Callable[[bytes], object]) -> None:
        """Guard a target."""
        self._target = target
        self._inputs = 0
        self._first_mb = 0.0

    def __call__(self, data: bytes) -> None:
        """Pass an input on."""
        began = time.process_time()
        self._target(data)
        seconds = time.process_time() - began
        if seconds > SLOWEST_SECONDS:
            raise TimeoutError(f"an input took {seconds:.1f} s")
        self._inputs += 1
        if self._inputs % WARM == 0:
            self._weigh()

    def _weigh(self) -> None:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self._first_mb = self._first_mb or peak_mb
        if peak_mb - self._first_mb > GROWTH_MB:
            raise MemoryError(f"the process grew by {peak_mb - self._first_mb:.0f} MB within {self._inputs} inputs")


def fuzz(name: str, runs: int) -> None:
    """Run one target in this process. atheris ends it."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        target, seeds = TARGETS[name][0]()
    for seed in seeds:  # what is loaded on the way is loaded now
        target(seed)
    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"seed-{number}" for number, _ in enumerate(seeds)]
    for path, seed in zip(paths, seeds, strict=True):
        path.write_bytes(seed)
    options = [f"-runs={runs}", f"-seed={SEED}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/bad-"]
    atheris.Setup([sys.argv[0], *options, f"-seed_inputs={','.join(map(str, paths))}"], Guard(target))
    atheris.Fuzz()


def trouble(printed: str) -> str:
    """Return the end of a Python error that atheris printed."""
    return printed.partition("Uncaught Python exception")[2][-2000:]


def main() -> int:
    """Run every target, or those that are named, each in a process of its own."""
    failed, inputs = [], 0
    for name in sys.argv[1:] or TARGETS:
        runs = int(os.environ.get("RUNS", TARGETS[name][1] // SHARE))
        found = subprocess.run([sys.executable, __file__, "--one", name, str(runs)], capture_output=True, text=True, check=False)
        done = re.findall(r"Done (\d+) runs in (\d+) second", found.stderr)
        if found.returncode or not done:
            failed.append(name)
            print(f"{name}: failed\n{trouble(found.stdout)}{found.stderr[-700:]}", flush=True)
            continue
        inputs += int(done[-1][0])
        print(f"{name}: {int(done[-1][0]):,} inputs in {done[-1][1]} s", flush=True)
    print(f"{inputs:,} inputs, seed {SEED}, {len(failed)} failed {' '.join(failed)}".rstrip())
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main())
