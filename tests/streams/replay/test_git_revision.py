"""Another revision's code is run in its own folder, with ours out of its way, and leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from streams.core.errors import HydrometerError, MissingToolError
from streams.replay.git_revision import Revision
from streams.testing.builders import committed

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="only --compare needs git")

TELLS = "import json, sys; json.dump([__file__, *sys.argv[1:]], open(sys.argv[-1], 'w'))"
FAILS = "import sys; print('warning: first', file=sys.stderr); sys.exit('error: no such option: --out')"


def commit(root: Path, main: str, *, replay: bool = True) -> None:
    """Commit a program of one line in the place of `python -m streams`."""
    (root / "streams/replay").mkdir(parents=True, exist_ok=True)
    for name, text in {"__init__.py": "", "__main__.py": main, "replay/run.py": ""}.items():
        (root / "streams" / name).write_text(text)
    if not replay:
        (root / "streams/replay/run.py").unlink()
    committed(root)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, and a folder of its own for what is temporary."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    commit(tmp_path / "repository", TELLS)
    return tmp_path / "repository"


def test_the_code_that_runs_is_the_revisions_although_ours_lies_in_the_present_directory(root: Path) -> None:
    (root / "streams/__main__.py").write_text("raise SystemExit('this is not committed')")
    Revision("HEAD", root).replay(["a.jsonl", "--out", str(root / "told.json")])
    code, command, *arguments = json.loads((root / "told.json").read_text())
    assert Path(code).is_relative_to(root.parent / "temporary")
    assert (command, arguments) == ("replay", ["a.jsonl", "--out", str(root / "told.json")])


def test_its_code_is_taken_away_again(root: Path) -> None:
    Revision("HEAD", root).replay([str(root / "told.json")])
    assert list((root.parent / "temporary").iterdir()) == []


def test_it_fails_with_the_last_line_that_it_said_and_its_code_is_taken_away_all_the_same(root: Path) -> None:
    commit(root, FAILS)
    revision = Revision("HEAD", root)
    with pytest.raises(HydrometerError, match=f"^--compare HEAD \\({revision.short}\\): its replay failed: no such option: --out$"):
        revision.replay([])
    assert list((root.parent / "temporary").iterdir()) == []


def test_a_revision_that_does_not_exist_is_one_line(root: Path) -> None:
    with pytest.raises(HydrometerError, match=r"^--compare mian: .* has no such revision; `git log --oneline` lists some"):
        Revision("mian", root)


def test_a_revision_is_never_taken_for_an_option_of_git(root: Path) -> None:
    with pytest.raises(HydrometerError, match="has no such revision"):
        Revision("--all", root)


@pytest.mark.parametrize("main", ["raise SystemExit(1)", "raise SystemExit(\"error: No such command 'replay': see --help\")"])
def test_a_revision_without_replay_is_too_old(root: Path, main: str) -> None:
    commit(root, main, replay=False)
    commit(root, TELLS)
    old = Revision("HEAD~1", root)
    with pytest.raises(HydrometerError, match=r"is too old: it has no `hydrometer replay`$"):
        old.replay([])


def test_code_that_lies_in_no_checkout_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match=r"^--compare needs a git checkout of Hydrometer, which .* is not") as raised:
        Revision("HEAD", tmp_path)
    assert "\n" not in str(raised.value)


def test_a_checkout_that_merely_lies_around_our_code_does_not_count(root: Path) -> None:
    installed = root / ".venv/site-packages"
    installed.mkdir(parents=True)
    with pytest.raises(HydrometerError, match="needs a git checkout of Hydrometer"):
        Revision("HEAD", installed)


def test_without_git_one_line_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(MissingToolError, match="git is not installed"):
        Revision("HEAD", root)
