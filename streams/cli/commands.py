"""The commands of `hydrometer`: its own, and those of other packages (`dashboards` imports `streams`, never the other way).

A package names its commands in its metadata, under the entry-point group `hydrometer.commands`; it is imported when one is called.
"""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from streams.core.errors import HydrometerError

if TYPE_CHECKING:
    from streams.intake.files import LogPath

COMMAND_ENTRY_POINTS: Final = "hydrometer.commands"
FILE: Final = click.Path(path_type=Path)
"""An argument or option that names a file or a directory."""


class LogPathType(click.ParamType):
    """An argument that names a log: a path, or an address as s3://bucket/logs."""

    name = "log"

    def convert(self, value: str | LogPath, param: click.Parameter | None, ctx: click.Context | None) -> LogPath:  # noqa: ARG002
        """Return what a word names."""
        from streams.intake.files import log_path

        return log_path(value) if isinstance(value, str) else value


LOG_FORMAT: Final = click.option(
    "--format",
    "log_format",
    default="auto",
    show_default=True,
    help="Which gateway wrote the lines (`hydrometer formats`), or a mapping file, as gateway.toml.",
)
MAP: Final = click.option(
    "--map",
    "pairs",
    metavar="PATH=FIELD",
    multiple=True,
    help="A field of another name, over what its format reads: --map caller/key=account.id. Repeat it for more.",
)

AUTHOR: Final = click.option("--author", help="Who decided; the owner of HYDROMETER_AUTHOR_KEY, else the name of this login.")
NOTE: Final = click.option("--note", default="", help="The reason, in a sentence. It is stored: do not quote prompts.")


def named_format(log_format: str, pairs: tuple[str, ...]) -> str:
    """Return what the intake takes as a format: a name, a mapping file, or the pairs of `--map` over a format.

    Raises UsageError for pairs beside a mapping file.
    """
    if pairs and log_format.endswith(".toml"):
        raise click.UsageError("Give --map or a mapping file, which holds more than pairs: --format gateway.toml.")
    return ",".join((() if pairs and log_format == "auto" else (log_format,)) + pairs)


def write_text(path: Path, text: str) -> None:
    """Write a file that a command was asked for. Raises HydrometerError when it cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HydrometerError(f"cannot write {path} ({error.strerror}): choose another file") from error


class Commands(click.Group):
    """A group of commands that other packages extend. They cannot replace an own command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *self._others})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None when the name is unknown."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in self._others:
            return own
        command: click.Command = self._others[cmd_name].load()
        return command

    @cached_property
    def _others(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=COMMAND_ENTRY_POINTS)}
