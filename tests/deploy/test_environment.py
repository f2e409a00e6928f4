"""`make setup` on machines whose Python is another: what it takes, what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FILES = ("Makefile", "pyproject.toml", "requirements-dev.lock", "deploy/environment.sh")
TOOLS = ("bash", "make", "awk", "cat", "chmod", "dirname", "mkdir", "rm", "sed", "touch")
RANGE = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])
SUPPORTED = tuple(version for version in (f"3.{minor}" for minor in range(30)) if version in RANGE)


class Machine:
    """A checkout beside a PATH that holds nothing but make, a shell and the Pythons of a test."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.path = folder / "checkout", folder / "path"
        self.path.mkdir()
        for name in FILES:
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.checkout / name)
        for tool in TOOLS:
            (self.path / tool).symlink_to(str(shutil.which(tool)))

    def python(self, name: str, version: str, *, broken: bool = False) -> None:
        """Put a stand-in on the PATH that says a version, and makes a folder instead of an environment. broken: half of one, and fails."""
        made = f'mkdir -p "$3/bin"; {{ echo "#!/bin/bash"; echo "echo {version}"; }} > "$3/bin/python"; chmod +x "$3/bin/python"'
        told = f'if [[ $1 == -c ]]; then echo "{version}"; else {made}; exit {int(broken)}; fi'
        self.program(self.path / name, told)

    def program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def run(self, *command: str) -> tuple[int, list[str]]:
        """Return the exit code and the lines of errors of a command in the checkout."""
        done = subprocess.run(
            command, cwd=self.checkout, capture_output=True, text=True, check=False, timeout=60, env={"PATH": str(self.path)}
        )
        return done.returncode, done.stderr.splitlines()

    def files(self) -> set[str]:
        return {str(path.relative_to(self.checkout)) for path in self.checkout.rglob("*") if path.is_file()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_script_reads_the_range_that_the_package_declares() -> None:
    pattern = re.search(r"sed -n '(s/.*/p)'", (ROOT / "deploy/environment.sh").read_text())
    assert pattern
    printed = subprocess.run(["sed", "-n", pattern[1], ROOT / "pyproject.toml"], check=True, capture_output=True, text=True).stdout.split()
    assert [f"3.{minor}" for minor in range(*map(int, printed))] == list(SUPPORTED)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.10", "3.14", "4.0", "3.1", "nonsense"])
def test_a_python_outside_of_the_range_ends_make_setup_at_once_with_the_remedy_and_without_a_file(machine: Machine, version: str) -> None:
    machine.python("python3", version)
    code, errors = machine.run("make", "setup")
    assert code == 2
    assert f"error: python3 is {version}, and Hydrometer runs on Python {SUPPORTED[0]} to {SUPPORTED[-1]}" in errors[0]
    assert "make setup PYTHON=/path/to/python3.11" in errors[0]
    assert machine.files() == set(FILES)
    assert not (machine.checkout / ".venv").exists()


def test_a_shim_that_does_not_run_is_no_python(machine: Machine) -> None:
    """As pyenv's `python3.11` where that version is not chosen."""
    machine.program(machine.path / "python3.11", "echo 'pyenv: python3.11: command not found' >&2; exit 127")
    code, errors = machine.run("make", "setup")
    assert (code, errors[0].startswith("error: python3 is not a Python that runs")) == (2, True)
    machine.python("python3.12", "3.12")
    assert machine.run("deploy/environment.sh") == (0, [])
    assert (machine.checkout / ".venv/bin/python").read_text().endswith("echo 3.12\n")


@pytest.mark.parametrize("version", SUPPORTED)
def test_any_python_of_the_range_will_do_under_either_name(tmp_path: Path, version: str) -> None:
    for name in ("python3", f"python{version}"):
        (tmp_path / name).mkdir()
        machine = Machine(tmp_path / name)
        machine.python(name, version)
        assert machine.run("deploy/environment.sh") == (0, [])


def test_the_python_that_is_named_is_taken_or_refused_and_never_replaced(machine: Machine) -> None:
    machine.python("python3.11", "3.11")
    machine.python("mine", "3.13")
    machine.python("old", "3.9")
    code, errors = machine.run("make", "setup", "PYTHON=old")
    assert (code, errors[0].startswith("error: old is 3.9, and Hydrometer runs on")) == (2, True)
    assert machine.run("deploy/environment.sh", "mine") == (0, [])
    assert (machine.checkout / ".venv/bin/python").read_text().endswith("echo 3.13\n")


def test_a_python_without_the_module_venv_leaves_no_half_of_an_environment(machine: Machine) -> None:
    machine.python("python3.12", "3.12", broken=True)
    code, errors = machine.run("make", "setup")
    assert (code, errors[0]) == (
        2,
        "error: python3.12 cannot make an environment: install its module venv (Debian: apt install python3.12-venv), then make setup",
    )
    assert machine.files() == set(FILES)


def test_an_environment_of_another_python_is_kept_and_the_error_says_how_to_begin_anew(machine: Machine) -> None:
    machine.python("python3.11", "3.11")
    machine.program(machine.checkout / ".venv/bin/python", "echo 3.14")
    code, errors = machine.run("make", "setup")
    assert (code, "error: .venv is of Python 3.14" in errors[0], "make clean" in errors[0]) == (2, True, True)
    machine.program(machine.checkout / ".venv/bin/python", "echo 3.12")
    assert machine.run("deploy/environment.sh") == (0, [])
    code, errors = machine.run("make", "setup", "PYTHON=python3.11")
    assert (code, "error: .venv is of Python 3.12, and python3.11 is another" in errors[0]) == (2, True)


def missing(names: Sequence[str], python: str) -> set[str]:
    """Return what packages of the lock need on another Python and the lock does not hold."""
    needed = set[str]()
    for name in names:
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(
                {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
            ):
                needed.add(canonicalize_name(requirement.name))
    return needed - {canonicalize_name(name) for name in names}


@pytest.mark.parametrize("python", SUPPORTED)
def test_the_lock_holds_for_every_python_of_the_range_all_that_its_packages_need(python: str) -> None:
    """It is resolved for the lowest: what a package needs on a higher one alone would be missing, and pip would refuse."""
    names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements-dev.lock").read_text(), re.MULTILINE)
    assert len(names) > 100
    assert missing(names, python) == set()
    for name in names:
        assert f"{python}.0" in SpecifierSet(distribution(name).metadata["Requires-Python"] or ""), name
