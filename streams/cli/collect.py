"""`hydrometer collect`: log lines in, blocks of events out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from streams.cli.commands import FILE, LOG_FORMAT, MAP, named_format
from streams.core.errors import HydrometerError
from streams.core.exit_codes import serve_until_stopped
from streams.core.output import echo

_MAX_PORT: Final = 65_535


@click.command()
@click.argument("files", nargs=-1)
@click.option(
    "--http",
    metavar="HOST:PORT",
    help="Serve POST /v1/events (JSON lines), /v1/logs (OTLP) and /v1/firehose; needs HYDROMETER_INTAKE_TOKEN.",
)
@click.option("--topic", is_flag=True, help="Read the topic requests-raw, one JSON event per record.")
@click.option("--follow", is_flag=True, help="Read FILES as `tail -F` does, rotated or not, and go on where the last run ended.")
@click.option("--positions", type=FILE, help="Where --follow keeps how far each file was read (default: in HYDROMETER_STATE_DIR).")
@LOG_FORMAT
@MAP
@click.option("--known-corpus", type=FILE, help="Keyed hashes of benchmark prompts, 16 hex digits per line.")
@click.option("--backfill", is_flag=True, help="The input is an old log: its lines may be of any age. (A file's clock is its own.)")
def collect(  # noqa: PLR0913 - an argument an option
    *,
    files: tuple[str, ...],
    http: str | None,
    topic: bool,
    follow: bool,
    positions: Path | None,
    log_format: str,
    pairs: tuple[str, ...],
    known_corpus: Path | None,
    backfill: bool,
) -> None:
    """Turn log lines into blocks of events, without any prompt text, and send them to Kafka.

    From FILES, or folders of them, here or at an address (JSON lines, an array or values; plain, gzip, zstd, xz, bzip2), from standard
    input (-), from gateways over HTTP, or from a topic. It ends with its input; HTTP, the topic and followed files end with Ctrl-C, once
    all accepted events are delivered.

    \b
    Example:  hydrometer collect monday.jsonl.gz tuesday.jsonl.zst
              hydrometer collect s3://bucket/2026/11/28
              hydrometer collect --follow /var/log/gateway/requests.log
              kubectl logs -f gateway | hydrometer collect -
              hydrometer collect --http 127.0.0.1:8088 --topic
    """
    import os

    from streams.clickhouse.health import report_health
    from streams.core.settings import Settings
    from streams.intake import block_producer
    from streams.intake.collector import collect_garbage_rarely
    from streams.intake.files import log_path
    from streams.intake.following import POSITIONS_FILE
    from streams.intake.following import follow as follow_files
    from streams.intake.remote import is_address
    from streams.intake.serve import serve
    from streams.schema import topics as names

    if bool(files) == bool(http or topic) or (len(files) > 1 and "-" in files):
        raise click.UsageError("Name files, or - for standard input, or --http and --topic.")
    if follow and (not files or any(name == "-" or is_address(name) for name in files)):
        raise click.UsageError("--follow takes files of this machine: hydrometer collect --follow gateway.log")
    log_format = named_format(log_format, pairs)
    settings = Settings.load(role="intake" if http else "collect")
    collect_garbage_rarely()
    with report_health(settings, names.COLLECT):
        if not files:
            serve_until_stopped(serve(settings, _address(http) if http else None, log_format, known_corpus, topic=topic, backfill=backfill))
            return
        if follow:
            paths = [Path(name) for name in files]
            place = positions or settings.state_dir / POSITIONS_FILE
            serve_until_stopped(follow_files(paths, settings, log_format, known_corpus, positions=place, backfill=backfill))
            return
        if files == ("-",):
            own = os.fdopen(sys.stdin.fileno(), "rb", closefd=False)  # a thread that still reads sys.stdin would abort the end of Python
            counts = block_producer.send_stream(own, settings, log_format, known_corpus, backfill=backfill)
        else:
            counts = block_producer.send_files([*map(log_path, files)], settings, log_format, known_corpus)
    rejected = {reason: count for reason, count in sorted(counts.items()) if reason != "accepted"}
    if rejected and not counts["accepted"]:
        raise HydrometerError(f"no event was accepted (rejected: {rejected}): check --format; the lines are in {names.DEAD_LETTERS}")
    echo(f"{counts['accepted']:,} events accepted, {sum(rejected.values()):,} rejected {rejected or ''}".rstrip())


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _MAX_PORT:
        raise click.UsageError(f"--http {text} is not HOST:PORT, as in 127.0.0.1:8088.")
    return host, int(port)
