"""`hydrometer topics`, `migrate`, `doctor` and `local`: set up what the pipeline needs, and check it."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.commands import FILE
from streams.core.errors import HydrometerError
from streams.core.output import echo


@click.command()
def topics() -> None:
    """Create the missing Kafka topics.

    Runs again without harm. Refuses a topic that exists with another number of partitions, because accounts would be split
    over two states.

    \b
    Example:  HYDROMETER_KAFKA=broker:9092 HYDROMETER_PARTITIONS=12 hydrometer topics
    """
    from streams.core.settings import Settings
    from streams.schema import topics as names

    for name, was in names.ensure(Settings.load(role="kafka")).items():
        echo(f"{was:8} {name}")


@click.command()
@click.option("--data", type=FILE, default=Path("build/local"), show_default=True, help="Directory of ClickHouse's tables.")
@click.option("--http-port", default=8123, show_default=True, help="ClickHouse's HTTP port, for Grafana.")
@click.option("--broker/--no-broker", default=True, show_default=True, help="Run the embedded Kafka broker too (memory only).")
def local(*, data: Path, http_port: int, broker: bool) -> None:
    """Run ClickHouse's engine and a small broker on this machine until Ctrl-C; for trying it out, not for real traffic.

    Ports are those of HYDROMETER_CLICKHOUSE_PORT and HYDROMETER_KAFKA. Other commands find both with HYDROMETER_MODE=local, and in
    HYDROMETER_STATE_DIR the password, which each start draws anew unless HYDROMETER_CLICKHOUSE_PASSWORD is set.

    \b
    Example:  hydrometer local &
              HYDROMETER_MODE=local hydrometer migrate
    """
    import os
    import signal
    from contextlib import ExitStack

    from streams.core.settings import Settings
    from streams.devserver.broker import EmbeddedBroker
    from streams.devserver.process import hand_over, local_server, password_of

    settings = Settings.load({**os.environ, "HYDROMETER_MODE": "local"})
    user = settings.clickhouse_user
    with ExitStack() as running:
        password = running.enter_context(password_of(settings))
        server = running.enter_context(
            local_server(data, user=user, password=password, native_port=settings.clickhouse_port, http_port=http_port)
        )
        hand_over(settings, password)
        echo(f"ClickHouse on 127.0.0.1:{server.port} (HTTP {server.http_port}), user {user}, tables in {data}")
        if broker:
            kafka = running.enter_context(EmbeddedBroker(int(settings.kafka.rpartition(":")[2])))
            echo(f"Kafka's protocol on {kafka.bootstrap}, in memory")
        echo("Ctrl-C stops everything")
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was started ends, and the password's file goes
        server.watch()


@click.command()
@click.option("--dry-run", is_flag=True, help="Only print what is pending.")
def migrate(*, dry_run: bool) -> None:
    """Bring ClickHouse's tables up to date.

    \b
    Example:  HYDROMETER_CLICKHOUSE_PASSWORD_FILE=/run/secrets/clickhouse_password hydrometer migrate
    """
    from streams.clickhouse import migrate as migrations
    from streams.clickhouse import retention
    from streams.clickhouse.client import connected
    from streams.core.settings import Settings

    settings = Settings.load(role="clickhouse")
    done = migrations.run(settings, dry_run=dry_run)
    for migration in done:
        echo(f"{'pending' if dry_run else 'applied'} {migration.name}")
    if not done:
        echo("up to date")
    if settings.table_days and not dry_run:
        with connected(settings) as clickhouse:
            for table, days in retention.apply(clickhouse, settings).items():
                echo(f"rows of {table} end after {days} days")


@click.command()
@click.option("--settings", "only_settings", is_flag=True, help="Print every variable, its default and its meaning (Markdown).")
def doctor(*, only_settings: bool) -> None:
    """Check settings, Kafka and ClickHouse, and print how to fix each problem.

    \b
    Example:  hydrometer doctor
              hydrometer doctor --settings
    """
    from streams.cli import doctor as checks
    from streams.core import settings

    if only_settings:
        echo(settings.table(), nl=False)
        return
    failed = 0
    for finding in checks.examine():
        failed += not finding.good
        echo(f"{'ok  ' if finding.good else 'FAIL'}  {finding.subject:12} {finding.text}")
    if failed:
        raise HydrometerError(f"{failed} of the checks above failed: each names its fix")
