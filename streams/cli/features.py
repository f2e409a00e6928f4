"""`hydrometer features`: the data dictionary."""

from __future__ import annotations

from typing import Literal

import click

from streams.core.output import console, echo


@click.command()
@click.option("--markdown", "form", flag_value="markdown", help="As a Markdown table with all fields.")
@click.option("--json", "form", flag_value="json", help="As a JSON array with all fields.")
def features(*, form: Literal["markdown", "json"] | None) -> None:
    """Print every feature: what it measures, what it rises on and what it is blind to.

    Features of installed packages are included.

    \b
    Example:  hydrometer features
              hydrometer features --json > features.json
    """
    from rich.table import Table

    from streams.features.declaration import LOGARITHMIC
    from streams.features.dictionary import as_json, as_markdown
    from streams.features.registry import by_name

    declared = by_name().values()
    if form is not None:
        echo(as_json(declared) if form == "json" else as_markdown(declared))
        return
    table = Table(box=None, padding=(0, 2, 1, 0))
    table.add_column("name", no_wrap=True)
    for title in ("of, family", "measures", "rises on", "blind to"):
        table.add_column(title)
    for item in declared:
        scale = f"{item.unit.name}, {item.direction} stands out" + (f", stored as {item.scale}" if item.scale == LOGARITHMIC else "")
        table.add_row(item.name(), f"{item.entity}, {item.family}", f"{item.label} ({scale})", item.rises_on, item.blind_to)
    console().print(table)
