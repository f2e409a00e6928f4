"""`make mutants`: does a test fail when the code is wrong?

A seeded sample of mutants of the modules that must not be wrong, each against the test that mirrors its module. A mutant
is one changed operator, number, comparison or branch (made by cosmic-ray). It is *killed* when a test fails; it *survives* when none does,
and then a test is missing, or the change means the same. Changed annotations are left out: nothing reads them while code runs.

Work happens on a copy in `build/mutants`. Each mutant is judged in a fork of one process that has the libraries loaded, which is some ten
times as fast as a process of its own. The table and every surviving change are printed and written to `build/figures/mutants.json`.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import difflib
import importlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from rich.console import Console
from rich.table import Table

from streams.testing import figures

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "mutants"
PACKAGES = ("streams", "models", "dashboards")
MODULES = (
    "streams/intake/collector.py",
    "models/evidence/weighing.py",
    "streams/cases/linking.py",
    "streams/cases/phrasing.py",
    "streams/worker/checkpoint.py",
)
MUTANTS = 30
"""Mutants of a module that are tried: 150 of five modules."""
MUTANT_SECONDS = 60
"""CPU seconds after which a mutant that runs in circles counts as killed: a busy machine changes no score."""
MAX_WAIT_SECONDS = 900
"""Seconds after which a test of a mutant that waits for something counts as failed."""


class Survivor(TypedDict):
    """A change that no test noticed."""

    line: int
    change: str


class Score(TypedDict):
    """How many mutants of a module were tried, of how many, and which survived."""

    module: str
    possible: int
    mutants: int
    killed: int
    survived: list[Survivor]


@dataclass(frozen=True)
class Mutant:
    """One changed source text, and the lines that differ."""

    line: int
    change: str
    source: str


def mirror(module: str) -> str:
    """Return the test of a module: `models/state/keys.py` has `tests/models/state/test_keys.py`."""
    path = Path(module)
    return str(Path("tests", path.parent, f"test_{path.name}"))


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a source text whose running code differs."""
    plain, nodes = running(source), list(ast_nodes(get_ast(source)))
    for name in operator_names():
        operator_class = get_operator(name)
        if operator_class.arguments():
            continue
        operator = operator_class()
        occurrences = sum(1 for node in nodes for _ in operator.mutation_positions(node))
        for occurrence in range(occurrences):
            changed = mutate_code(source, operator, occurrence)
            if changed is not None and running(changed) not in (None, plain):
                yield Mutant(*difference(source, changed), changed)


def running(source: str) -> str | None:
    """Return what Python runs of a text: its tree without annotations; None when it is no Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
            case ast.arg():
                node.annotation = None
            case ast.AnnAssign():
                node.annotation = ast.Constant(None)
    return ast.dump(tree)


def difference(before: str, after: str) -> tuple[int, str]:
    """Return the first line that differs, and the lines as a diff shows them."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    first = int(lines[0].split()[1].lstrip("-").partition(",")[0])
    return first, "  ".join(line[:1] + " " + line[1:].strip() for line in lines if line[:1] in "+-")


def copied() -> None:
    """Lay a fresh, compiled copy of the tracked files into `build/mutants`."""
    shutil.rmtree(COPY, ignore_errors=True)
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in filter(lambda name: (ROOT / name).is_file(), files):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, COPY / name)
    for package in PACKAGES:
        compileall.compile_dir(COPY / package, quiet=1)


def libraries(test: str) -> list[str]:
    """Return the modules that a test loads and that are not ours."""
    script = (
        "import json, sys, pytest; before = set(sys.modules)\n"
        f"pytest.main(['-qq', '--collect-only', '-p', 'no:cacheprovider', {test!r}])\n"
        f"print('\\n' + json.dumps([name for name in sys.modules if name.partition('.')[0] not in {(*PACKAGES, 'conftest', 'tests')!r}]))"
    )
    said = subprocess.run([sys.executable, "-c", script], cwd=COPY, capture_output=True, text=True, check=True).stdout
    names: list[str] = json.loads(said.splitlines()[-1])
    return names


def killed(module: str, source: str) -> bool:
    """Return whether the module's test fails when its text is this one. Runs in a fork: nothing of it stays."""
    path = COPY / module
    before = path.read_text(encoding="utf-8")
    path.write_text(source, encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()
    child = os.fork()
    if child == 0:
        _judge(mirror(module))
    _, status = os.waitpid(child, 0)
    path.write_text(before, encoding="utf-8")
    return status != 0


def _judge(test: str) -> None:
    os.chdir(COPY)
    sys.path.insert(0, str(COPY))
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    resource.setrlimit(resource.RLIMIT_CPU, (MUTANT_SECONDS, MUTANT_SECONDS))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = 1
    try:
        code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-o", f"timeout={MAX_WAIT_SECONDS}", test]))
    finally:
        os._exit(code)


def judged(module: str, most: int | None, seed: int) -> Score:
    """Return how many mutants of a module were tried, how many a test killed, and which survived.

    Raises:
        SystemExit: the test fails on the module as it is.

    """
    source = (COPY / module).read_text(encoding="utf-8")
    for name in libraries(mirror(module)):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    if killed(module, source):
        sys.exit(f"error: {mirror(module)} fails on the module as it is")
    every = list(mutants(source))
    random.Random(seed).shuffle(every)
    tried = every[:most]
    survivors = sorted((mutant for mutant in tried if not killed(module, mutant.source)), key=lambda mutant: mutant.line)
    shown: list[Survivor] = [{"line": mutant.line, "change": mutant.change} for mutant in survivors]
    return {"module": module, "possible": len(every), "mutants": len(tried), "killed": len(tried) - len(survivors), "survived": shown}


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=MUTANTS, help=f"of a module ({MUTANTS})")
    parser.add_argument("--all", action="store_true", help="every mutant, however long it takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", action="append", help="only this one; any module that has a mirrored test")
    asked = parser.parse_args(words)
    modules = asked.module or list(MODULES)
    console = Console(width=150)
    revision = figures.current_revision()
    copied()
    rows = []
    for module in modules:
        rows.append(judged(module, None if asked.all else asked.mutants, asked.seed))
        console.print(f"{module}: {rows[-1]['killed']} of {rows[-1]['mutants']} killed")
    show(rows, console)
    if not asked.module:
        print(f"figures -> {figures.write('mutants', {'modules': rows}, command='make mutants', seed=asked.seed, revision=revision)}")


def show(rows: Sequence[Score], console: Console) -> None:
    """Print the score of each module and every change that survived."""
    table = Table("module", "mutants", "of", "killed", "score")
    for row in rows:
        share = f"{row['killed'] / max(row['mutants'], 1):.0%}"
        table.add_row(row["module"], str(row["mutants"]), str(row["possible"]), str(row["killed"]), share)
    console.print(table)
    for row in rows:
        for each in row["survived"]:
            console.print(f"survived: {row['module']}:{each['line']}  {each['change']}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
