"""`hydrometer formats`: which gateways' logs are read, and where each field comes from."""

from __future__ import annotations

import click

from streams.core.output import echo


@click.command()
@click.option("--markdown", is_flag=True, help="As Markdown, with every field of every format.")
def formats(*, markdown: bool) -> None:
    """Print every log format: its name for --format, and what writes it.

    Formats of installed packages are included.

    \b
    Example:  hydrometer formats
              hydrometer formats --markdown > formats.md
    """
    from streams.intake.formats.registry import all_formats

    if markdown:
        echo(as_markdown())
        return
    for each in all_formats():
        echo(f"{each.name:12} {each.title}")


def as_markdown() -> str:
    """Return every format with the path that each canonical field is read from."""
    from streams.intake.formats.registry import all_formats

    parts = []
    for each in all_formats():
        parts.append(f"## {each.title}\n\n`--format {each.name}`\n" if each.readable else f"## {each.title}\n")
        if each.fields:
            lines = "\n".join(f"| `{name}` | {source.described} |" for name, source in each.fields.items())
            parts.append(f"| canonical field | read from |\n|---|---|\n{lines}\n")
    return "\n".join(parts)
