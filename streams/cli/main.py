"""The command `hydrometer`. Each subcommand imports its modules when it is called, so that `--help` is fast."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from streams.cli import (
    account,
    backup,
    case,
    collect,
    dead_letters,
    demo,
    desk,
    enforcement,
    export,
    features,
    forget,
    formats,
    indicators,
    install,
    keys,
    label,
    new,
    replay,
    setup,
    worker,
)
from streams.cli.commands import Commands
from streams.core.errors import HydrometerError
from streams.core.exit_codes import exit_code
from streams.core.logs import configure
from streams.core.output import echo

_QUIET = {  # below these levels our own log lines report the same
    "aiobotocore": logging.WARNING,
    "aiokafka": logging.WARNING,
    "asyncio": logging.WARNING,
    "botocore": logging.WARNING,
    "clickhouse_driver": logging.ERROR,
    "faust": logging.WARNING,
    "kafka": logging.CRITICAL,
    "mode": logging.WARNING,
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hydrometer")
@click.option("-v", "--verbose", is_flag=True, help="Log more than warnings and milestones.")
def cli(*, verbose: bool) -> None:
    """Find out whose traffic distils the model, from an LLM provider's request logs.

    Settings come from HYDROMETER_* variables; `hydrometer doctor --settings` lists them all.

    \b
    See it work:          hydrometer demo
    Try your own logs:    hydrometer replay yesterday.jsonl.gz --out build/replay
    Run it:               hydrometer init, topics, migrate, collect, worker
    """
    configure(verbose=verbose, quiet=_QUIET)


for _command in (
    install.init,
    setup.topics,
    setup.local,
    setup.migrate,
    setup.doctor,
    backup.backup,
    backup.restore,
    collect.collect,
    dead_letters.dead_letters,
    worker.worker,
    demo.demo,
    replay.replay,
    features.features,
    formats.formats,
    keys.keys,
    label.label,
    account.account,
    case.case,
    case.watch,
    desk.desk,
    enforcement.enforcement,
    export.export,
    indicators.indicators,
    forget.forget,
    new.new_feature,
    new.new_hypothesis,
    new.new_format,
    new.new_detector,
    new.new_sink,
):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `hydrometer` with these arguments (or the process's) and exit with its exit code."""
    sys.exit(exit_code(lambda: _run(arguments)))


def _run(arguments: Sequence[str] | None) -> None:
    try:
        cli.main(arguments, prog_name="hydrometer", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message())
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "hydrometer"
        raise HydrometerError(f"{error.format_message().rstrip('.')}: see `{command} --help`") from error
    except click.ClickException as error:
        raise HydrometerError(error.format_message()) from error
    except click.Abort:
        raise KeyboardInterrupt from None
