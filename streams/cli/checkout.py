"""What generators share: the checks before they write files into a checkout, and their command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from streams.core.errors import HydrometerError
from streams.core.output import echo

ROOT: Final = Path(__file__).resolve().parents[2]


def refuse_taken(paths: Iterable[Path]) -> None:
    """Check, before anything is written, that every path is free and its folder exists.

    Raises:
        HydrometerError: A path exists, or its folder does not.
    """
    for path in paths:
        if path.exists():
            raise HydrometerError(f"{path} exists: choose another name, or edit it")
        if not path.parent.is_dir():
            raise HydrometerError(f"{path.parent} is missing: run this in a checkout of the repository")


def run_generator(arguments: Sequence[str], usage: str, generate: Callable[[str], Iterable[Path]], advice: Callable[[str], str]) -> int:
    """Run a generator as a command: write the files named by the one argument, and say what to do next.

    Args:
        arguments: Words of the command line.
        usage: The command with an example, for another number of words.
        generate: Writes the files of a name and returns them. Raises HydrometerError.
        advice: Returns the next step for a name.

    Returns:
        The exit status.
    """
    if len(arguments) != 1:
        echo(f"error: one name is needed: {usage}", err=True)
        return 2
    try:
        paths = generate(arguments[0])
    except HydrometerError as error:
        echo(f"error: {error}", err=True)
        return 2
    written = " and ".join(path.relative_to(ROOT).as_posix() for path in paths)
    echo(f"wrote {written}\nnext: {advice(arguments[0])}")
    return 0
