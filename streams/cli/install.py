"""`hydrometer init`: put the processes on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.commands import FILE
from streams.core.output import echo


@click.command()
@click.option("--kafka", prompt="Kafka's brokers (host:port,host:port)", default="127.0.0.1:9092", help="Brokers to ask first.")
@click.option(
    "--partitions", prompt="Partitions of a topic", default=4, type=click.IntRange(1, 4096), help="The most workers that share the work."
)
@click.option("--replication", prompt="Copies of a topic", default=1, type=click.IntRange(1, 9), help="3 where there are three brokers.")
@click.option("--clickhouse", prompt="ClickHouse's host", default="127.0.0.1", help="ClickHouse's host.")
@click.option(
    "--inputs",
    prompt="What collect reads (--http HOST:PORT, --topic, --follow FILES)",
    default="--http 127.0.0.1:8088 --topic",
    help="Arguments of `collect`.",
)
@click.option("--root", type=FILE, default=Path("/"), show_default=True, help="Write below this folder, as when an image is built.")
def init(*, kafka: str, partitions: int, replication: int, clickhouse: str, inputs: str, root: Path) -> None:
    """Write configuration, keys and systemd units for this machine, after five questions.

    Keys that exist are kept, so it runs again without harm. Each question has an option, for scripts. Nothing is started.

    \b
    Example:  sudo hydrometer init
              hydrometer init --root build/image --kafka broker:9092 --partitions 12 --replication 3 --clickhouse ch --inputs --topic
    """
    from streams.install.machine import Machine

    machine = Machine(kafka, partitions, replication, clickhouse, inputs, root)
    for was, path in machine.install():
        echo(f"{was:5} {path}")
    echo("\nNext:\n" + machine.next_steps())
