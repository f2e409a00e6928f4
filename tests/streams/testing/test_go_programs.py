"""Programs of others, built once: what is there is not built again, and what cannot be had is one error."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.testing.go_programs import GoBuildError, installed, run


def test_a_program_that_is_there_at_its_version_is_not_built_again(tmp_path: Path) -> None:
    program = tmp_path / "v1.2.3" / "tool"
    program.parent.mkdir()
    program.touch()
    assert installed("example.org/cmd/tool@v1.2.3", tmp_path) == program


@pytest.mark.parametrize(("command", "said"), [(("no-such-program",), "no-such-program does not run"), (("false",), "false failed")])
def test_what_does_not_run_or_fails_is_one_error_that_names_the_command(command: tuple[str, ...], said: str) -> None:
    with pytest.raises(GoBuildError, match=said):
        run(*command)


def test_variables_are_added_to_those_of_the_shell() -> None:
    assert run("sh", "-c", 'echo "$COLOUR $PATH"', COLOUR="blue").startswith("blue /")
