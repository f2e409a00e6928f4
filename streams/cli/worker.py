"""`hydrometer worker`: the agents of the pipeline."""

from __future__ import annotations

import click

from streams.core.errors import HydrometerError


@click.command()
@click.argument("agents", nargs=-1)
def worker(*, agents: tuple[str, ...]) -> None:
    """Run agents until SIGTERM: accounts, groups, cases, store, or all of them.

    Run as many workers as you like; Kafka shares the partitions among them. Ctrl-C writes all state before it leaves.

    \b
    Example:  hydrometer worker
              hydrometer worker accounts groups cases
    """
    from streams.core.settings import Settings
    from streams.worker.app import AGENTS, run_worker

    unknown = sorted(set(agents) - set(AGENTS))
    if unknown:
        raise HydrometerError(f"unknown agent {unknown[0]}: choose from {', '.join(AGENTS)}")
    settings = Settings.load(role="worker")
    run_worker(settings, agents or AGENTS)
