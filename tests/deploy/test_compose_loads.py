"""The container set-up, loaded and validated by the library of which `docker compose` is made: needs Go and its modules, and no Docker."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from streams.testing.go_programs import GoBuildError, run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
LIBRARY: Final = "github.com/compose-spec/compose-go/v2@v2.16.2"
SERVICES: Final = 8
"""Without those of a profile."""


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(Path(__file__).with_name("compose") / "main.go", folder)
    try:
        run("go", "-C", folder, "mod", "init", "check")
        run("go", "-C", folder, "get", LIBRARY)
        run("go", "-C", folder, "mod", "tidy")
        run("go", "-C", folder, "build", "-o", "check", ".")
    except GoBuildError as error:
        pytest.skip(f"compose-go cannot be built: {error}")
    return folder / "check"


@pytest.mark.parametrize("files", [("compose.yaml",), ("compose.yaml", "compose.tls.yaml")])
def test_the_files_are_valid_alone_and_together(loader: Path, files: tuple[str, ...]) -> None:
    done = subprocess.run([loader, *(DEPLOY / name for name in files)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["hydrometer", str(SERVICES), "services"]), done.stderr


def test_a_word_that_compose_does_not_know_is_refused(loader: Path, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text((DEPLOY / "compose.yaml").read_text().replace("read_only: true", "read_onlyy: true"))
    done = subprocess.run([loader, tmp_path / "compose.yaml"], capture_output=True, text=True, check=False)
    assert (done.returncode, "read_onlyy" in done.stderr) == (1, True)
