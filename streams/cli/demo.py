"""`hydrometer demo`: the whole system on this machine, on generated traffic."""

from __future__ import annotations

import click


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
def demo(*, keep: bool) -> None:
    """Run the whole system on this machine with generated traffic, and print the cases that it finds.

    Takes about a minute, needs no Docker and no network, and leaves nothing running.

    \b
    Example:  hydrometer demo
    """
    from streams.demo import run as demonstration

    demonstration.run(keep=keep)
