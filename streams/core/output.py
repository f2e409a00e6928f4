"""The one way out to a terminal or a pipe: text of strangers cannot move the cursor, hide what stands beside it or turn it round.

Everything that a command prints goes through `echo` or a `console`; a test looks for other ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from streams.core.printable import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
    from rich.segment import Segment


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text to standard output, or with `err` to standard error; without `nl` no line feed follows."""
    click.echo(printable(str(text)), err=err, nl=nl)


def console(**options: Any) -> Console:
    """Return a console of rich (`options`) whose texts are printable."""
    from rich.console import Console, RenderHook  # noqa: PLC0415  (50 ms that `--help` need not pay)

    class Hook(RenderHook):
        def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
            return [_Printable(renderable) for renderable in renderables]

    made = Console(**options)
    made.push_render_hook(Hook())
    return made


class _Printable:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._segments(console, options)

    def _segments(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
