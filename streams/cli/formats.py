"""`hydrometer formats`: the supported log formats, and the origin of each field."""

from __future__ import annotations

import click

from streams.core.output import echo


@click.command()
@click.option("--markdown", is_flag=True, help="As Markdown, with every field of every format.")
def formats(*, markdown: bool) -> None:
    """Print every log format: its name for --format, and the product that writes it.

    Formats of installed packages are included.

    \b
    Example:  hydrometer formats
              hydrometer formats --markdown > formats.md
    """
    from streams.intake.formats.registry import all_formats

    if markdown:
        echo(as_markdown())
        return
    for log_format in all_formats():
        echo(f"{log_format.name:12} {log_format.title}")


def as_markdown() -> str:
    """Return every format with the path that each canonical field is read from."""
    from streams.intake.formats.registry import all_formats

    parts = []
    for log_format in all_formats():
        parts.append(f"## {log_format.title}\n\n`--format {log_format.name}`\n" if log_format.readable else f"## {log_format.title}\n")
        if log_format.fields:
            lines = "\n".join(f"| `{name}` | {source.described} |" for name, source in log_format.fields.items())
            parts.append(f"| canonical field | read from |\n|---|---|\n{lines}\n")
    return "\n".join(parts)
