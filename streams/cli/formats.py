"""`hydrometer formats`: which gateways' logs are read, and where each field comes from."""

from __future__ import annotations

import click


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

    for each in all_formats():
        if not markdown:
            click.echo(f"{each.name:12} {each.title}")
            continue
        click.echo(f"## {each.title}\n\n`--format {each.name}`\n" if each.readable else f"## {each.title}\n")
        if each.fields:
            click.echo("| canonical field | read from |\n|---|---|")
            for name, source in each.fields.items():
                click.echo(f"| `{name}` | {source.described} |")
            click.echo()
