"""`hydrometer`, the one command. Each command imports its work when it is called, so that `--help` answers at once."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from streams.cli.commands import Commands
from streams.cli.features import features
from streams.cli.replay import replay
from streams.core.errors import HydrometerError
from streams.core.exit_codes import exit_code, serve_until_told
from streams.schema.labels import LABELLED_KINDS, LINK, SPLIT, VERDICTS

if TYPE_CHECKING:
    from streams.cases.views.terminal import CaseRow
    from streams.exports import bundle

_FILE = click.Path(path_type=Path)
_LAST_PORT = 65_535
_QUIET = {  # what these say below this level, we say ourselves in one line
    "aiokafka": logging.WARNING,
    "asyncio": logging.WARNING,
    "clickhouse_driver": logging.ERROR,
    "faust": logging.WARNING,
    "kafka": logging.CRITICAL,
    "mode": logging.WARNING,
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hydrometer")
@click.option("-v", "--verbose", is_flag=True, help="Log more than warnings and milestones.")
def cli(*, verbose: bool) -> None:
    """Tell whose traffic distils the model, from an LLM provider's request logs.

    Settings come from HYDROMETER_* variables; `hydrometer doctor --settings` lists them all.

    \b
    See it work:          hydrometer demo
    Try your own logs:    hydrometer replay yesterday.jsonl.gz --out build/replay
    Run it:               hydrometer topics, migrate, collect, worker
    """
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if not verbose:
        for library, level in _QUIET.items():
            logging.getLogger(library).setLevel(level)


cli.add_command(features)
cli.add_command(replay)


@cli.command()
def topics() -> None:
    """Make the Kafka topics that are missing.

    Runs again without harm. Refuses a topic that exists with another number of partitions, because accounts would be split
    over two states.

    \b
    Example:  HYDROMETER_KAFKA=broker:9092 HYDROMETER_PARTITIONS=12 hydrometer topics
    """
    from streams.core.settings import Settings
    from streams.schema import topics as names

    for name, was in names.ensure(Settings.load(role="kafka")).items():
        click.echo(f"{was:8} {name}")


@cli.command()
@click.option("--data", type=_FILE, default=Path("build/local"), show_default=True, help="Where ClickHouse keeps its tables.")
@click.option("--http-port", default=8123, show_default=True, help="ClickHouse's HTTP port, for Grafana.")
@click.option("--broker/--no-broker", default=True, show_default=True, help="Run the embedded Kafka broker too (memory only).")
def local(*, data: Path, http_port: int, broker: bool) -> None:
    """Run ClickHouse's engine and a small broker on this machine until Ctrl-C; for trying things, not for real traffic.

    Ports are those of HYDROMETER_CLICKHOUSE_PORT and HYDROMETER_KAFKA. Other commands find both with HYDROMETER_MODE=local.

    \b
    Example:  hydrometer local &
              HYDROMETER_MODE=local hydrometer migrate
    """
    import os
    import signal
    from contextlib import ExitStack

    from streams.core.settings import Settings
    from streams.devserver.broker import EmbeddedBroker
    from streams.devserver.process import local_server

    settings = Settings.load({**os.environ, "HYDROMETER_MODE": "local"})
    user, password = settings.clickhouse_user, settings.clickhouse_password.get_secret_value()
    with ExitStack() as running:
        server = running.enter_context(
            local_server(data, user=user, password=password, native_port=settings.clickhouse_port, http_port=http_port)
        )
        click.echo(f"ClickHouse on 127.0.0.1:{server.port} (HTTP {server.http_port}), user {user}, tables in {data}")
        if broker:
            kafka = running.enter_context(EmbeddedBroker(int(settings.kafka.rpartition(":")[2])))
            click.echo(f"Kafka's protocol on {kafka.bootstrap}, in memory")
        click.echo("Ctrl-C stops everything")
        signal.pause()


@cli.command()
@click.option("--dry-run", is_flag=True, help="Only tell what is pending.")
def migrate(*, dry_run: bool) -> None:
    """Bring ClickHouse's tables up to date.

    \b
    Example:  HYDROMETER_CLICKHOUSE_PASSWORD_FILE=/run/secrets/clickhouse_password hydrometer migrate
    """
    from streams.clickhouse import migrate as migrations
    from streams.core.settings import Settings

    done = migrations.run(Settings.load(role="clickhouse"), dry_run=dry_run)
    for migration in done:
        click.echo(f"{'pending' if dry_run else 'applied'} {migration.name}")
    if not done:
        click.echo("up to date")


@cli.command()
@click.option("--settings", "only_settings", is_flag=True, help="Print every variable, its default and its meaning (Markdown).")
def doctor(*, only_settings: bool) -> None:
    """Check settings, Kafka and ClickHouse, and say what to do about each.

    \b
    Example:  hydrometer doctor
              hydrometer doctor --settings
    """
    from streams.cli import doctor as checks
    from streams.core import settings

    if only_settings:
        click.echo(settings.table(), nl=False)
        return
    failed = 0
    for finding in checks.examine():
        failed += not finding.good
        click.echo(f"{'ok  ' if finding.good else 'FAIL'}  {finding.subject:12} {finding.text}")
    if failed:
        raise HydrometerError(f"{failed} of the checks above failed: each says what to do")


@cli.command()
@click.argument("files", nargs=-1)
@click.option("--http", metavar="HOST:PORT", help="Serve POST /v1/events (JSON lines) and /v1/logs (OTLP); needs HYDROMETER_INTAKE_TOKEN.")
@click.option("--topic", is_flag=True, help="Read the topic requests-raw, one JSON event a record.")
@click.option("--format", "log_format", default="auto", show_default=True, help="Which gateway wrote the lines.")
@click.option("--known-corpus", type=_FILE, help="Keyed hashes of benchmark prompts, 16 hex digits a line.")
@click.option("--backfill", is_flag=True, help="What comes is an old log: events of last year are believed, too.")
def collect(*, files: tuple[str, ...], http: str | None, topic: bool, log_format: str, known_corpus: Path | None, backfill: bool) -> None:
    """Turn log lines into blocks of events, without any prompt text, and send them to Kafka.

    From FILES (plain, gzip, zstd), from standard input (-), from gateways over HTTP, or from a topic. It ends with its input;
    HTTP and the topic end with Ctrl-C, once everything that was accepted is delivered.

    \b
    Example:  hydrometer collect monday.jsonl.gz tuesday.jsonl.zst
              tail -F gateway.log | hydrometer collect -
              hydrometer collect --http 127.0.0.1:8088 --topic
    """
    import os

    from streams.clickhouse.health import told
    from streams.core.settings import Settings
    from streams.intake import block_producer
    from streams.intake.collector import collect_garbage_rarely
    from streams.intake.serve import serve
    from streams.schema import topics as names

    if bool(files) == bool(http or topic) or (len(files) > 1 and "-" in files):
        raise click.UsageError("Name files, or - for standard input, or --http and --topic.")
    settings = Settings.load(role="intake" if http else "collect")
    collect_garbage_rarely()
    with told(settings, names.COLLECT):
        if not files:
            serve_until_told(serve(settings, _address(http) if http else None, log_format, known_corpus, topic=topic, backfill=backfill))
            return
        if files == ("-",):
            own = os.fdopen(sys.stdin.fileno(), "rb", closefd=False)  # a thread that still reads sys.stdin would abort the end of Python
            counts = block_producer.ship_stream(own, settings, log_format, known_corpus, backfill=backfill)
        else:
            counts = block_producer.ship_files([Path(name) for name in files], settings, log_format, known_corpus)
    rejected = {reason: count for reason, count in sorted(counts.items()) if reason != "accepted"}
    if rejected and not counts["accepted"]:
        raise HydrometerError(
            f"not one event was accepted (rejected: {rejected}): is --format right? The lines are in {names.DEAD_LETTERS}"
        )
    click.echo(f"{counts['accepted']:,} events accepted, {sum(rejected.values()):,} rejected {rejected or ''}".rstrip())


@cli.command()
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
        raise HydrometerError(f"no agent is called {unknown[0]}: choose from {', '.join(AGENTS)}")
    settings = Settings.load(role="worker")
    run_worker(settings, agents or AGENTS)


@cli.command()
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
def demo(*, keep: bool) -> None:
    """Run the whole system on this machine with generated traffic, and print the cases that it finds.

    Takes about a minute, needs no Docker and no network, and leaves nothing running.

    \b
    Example:  hydrometer demo
    """
    from streams.demo import run as demonstration

    demonstration.run(keep=keep)


@cli.command()
@click.argument("entity_kind", type=click.Choice(LABELLED_KINDS))
@click.argument("entity_id")
@click.argument("verdict", type=click.Choice(VERDICTS))
@click.option("--author", help="Who decided; the name of this login unless given.")
@click.option("--note", default="", help="Why, in a sentence. It is stored: quote no prompts.")
def label(*, entity_kind: str, entity_id: str, verdict: str, author: str | None, note: str) -> None:
    """Record what a person decided of a case, an account or a router.

    A case labelled benign is resolved, and comes back as a new case only with 3 nats more or twice the members. If that was a mistake,
    label it again: the case opens with those of its alerts that have not come back as another. The newest label of an author on an entity
    counts.

    \b
    Example:  hydrometer label case case-0fbfa5df00f4 benign --author ada --note "course at a university, confirmed"
    """
    import getpass

    from streams.cases import labels
    from streams.core.settings import Settings
    from streams.schema import topics as names

    settings = Settings.load(role="kafka")
    known = _known_case(entity_id) if entity_kind == "case" else None
    if known:
        entity_id = known.case_id
    elif _unseen(entity_kind, entity_id):
        click.echo(f"warning: no {entity_kind} called {entity_id} was ever seen: is it misspelt? The label is stored.", err=True)
    found = labels.make(entity_kind, entity_id, verdict, author or getpass.getuser(), note)
    with names.answering(settings):
        labels.send(settings, found)
    click.echo(f"{entity_kind} {entity_id}: {verdict}, says {found.author} (label {found.label_id})")
    if known and known.state == "open" and verdict == "benign":
        click.echo("it is resolved by this; a later label that is not benign opens it again")
    elif known and known.state != "open" and verdict != "benign":
        dismissed = known.payload.label is not None and known.payload.label.verdict == "benign"
        click.echo(
            "what a label had closed of it is opened again, but for alerts that have come back as another case"
            if dismissed
            else "it stays resolved: no label closed it, and new evidence opens a new one"
        )


def _known_case(beginning: str) -> CaseRow:
    """Return a case, as `case show` finds it: what is decided of a case that is not there would be lost without a word."""
    from contextlib import closing

    from streams.cases.views import terminal
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings

    with closing(ClickHouse(Settings.load(role="clickhouse"))) as clickhouse:
        return terminal.find(clickhouse, beginning)


def _unseen(kind: str, name: str) -> bool:
    """Say whether ClickHouse answers, and knows nothing of an entity: a label may come before its requests, so it is only a warning."""
    from contextlib import closing

    from streams.cases.views import terminal
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings

    try:
        with closing(ClickHouse(Settings.load(role="clickhouse"))) as clickhouse:
            return not terminal.seen(clickhouse, kind, name)
    except HydrometerError:  # a label needs Kafka alone
        return False


@cli.group()
def case() -> None:
    """List cases, or show one: who, why, what speaks against it, what next.

    \b
    Example:  hydrometer case list
              hydrometer case show case-0fbfa5df00f4
    """


@case.command("list")
@click.option("--all", "every", is_flag=True, help="Resolved cases too.")
def list_cases(*, every: bool) -> None:
    """List the open cases, those with the most evidence first.

    \b
    Example:  hydrometer case list
    """
    from contextlib import closing

    from rich.console import Console

    from streams.cases.views import terminal
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings

    with closing(ClickHouse(Settings.load(role="clickhouse"))) as clickhouse:
        cases = terminal.newest(clickhouse, every=every)
    console = Console()
    if not console.is_terminal:
        console = Console(width=terminal.UNFOLDED)
    console.print(terminal.table(cases, console.width) if cases else "no open case")


@case.command("show")
@click.argument("case_id")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
@click.option("--html", type=_FILE, help="Write one self-contained page, which prints well.")
def show_case(*, case_id: str, as_json: bool, html: Path | None) -> None:
    """Show one case from its stored row alone. The beginning of its id is enough.

    \b
    Example:  hydrometer case show case-0fbfa5df00f4
              hydrometer case show case-0fbfa5df00f4 --html case.html
    """
    from contextlib import closing

    from rich.console import Console

    from streams.cases.views import page, terminal
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings

    if as_json and html:
        raise click.UsageError("Name --json or --html, not both.")
    with closing(ClickHouse(Settings.load(role="clickhouse"))) as clickhouse:
        found = terminal.find(clickhouse, case_id)
    if html:
        _write(html, page.page(found))
        click.echo(f"wrote {html}")
    elif as_json:
        click.echo(found.json())
    else:
        Console().print(terminal.file(found))


@case.command("verify")
@click.argument("case_id")
def verify_case(*, case_id: str) -> None:
    """Check that no stored version of a case was changed or dropped: its history is a chain of hashes.

    \b
    Example:  hydrometer case verify case-0fbfa5df00f4
    """
    from contextlib import closing

    from streams.cases.views import terminal
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings

    with closing(ClickHouse(Settings.load(role="clickhouse"))) as clickhouse:
        click.echo(terminal.check(clickhouse, terminal.find(clickhouse, case_id)))


@case.command("split")
@click.argument("case_id")
@click.argument("link")
@click.option("--author", help="Who decided; the name of this login unless given.")
@click.option("--note", default="", help="Why, in a sentence. It is stored: quote no prompts.")
def split_case(*, case_id: str, link: str, author: str | None, note: str) -> None:
    """Take out of a case what does not belong to it: a case that was merged in, or an alerted entity. It is never joined again.

    \b
    Example:  hydrometer case split case-0fbfa5df00f4 case-77aa01b2c3d4 --note "another customer's batch"
              hydrometer case split case-0fbfa5df00f4 payment:57eab36011e07a37
    """
    import getpass

    from streams.cases import labels
    from streams.cases.views import terminal
    from streams.core.settings import Settings
    from streams.schema import topics as names

    settings, known = Settings.load(role="kafka"), _known_case(case_id)
    case_id = known.case_id
    terminal.check_split(known, link)
    found = labels.make(LINK, f"{case_id}/{link}", SPLIT, author or getpass.getuser(), note)
    with names.answering(settings):
        labels.send(settings, found)
    click.echo(f"{case_id} without {link}: label {found.label_id} recorded")


@cli.command()
@click.option("--every", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Print the open cases and end.")
def watch(*, every: float, once: bool) -> None:
    """Show the open cases, and keep them up to date, until Ctrl-C.

    \b
    Example:  hydrometer watch
              hydrometer watch --once
    """
    import threading
    from contextlib import closing

    from rich.console import Console

    from streams.cases.views import live
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings

    stop = threading.Event()
    if once:
        stop.set()
    with closing(ClickHouse(Settings.load(role="clickhouse"))) as clickhouse:
        live.watch(clickhouse, Console(), stop, every)


@cli.group()
def export() -> None:
    """Hand alerts and cases to others: a SIEM, legal, partners.

    \b
    Example:  hydrometer export ocsf --webhook https://siem.example.com/hook
              hydrometer export case case-0fbfa5df00f4 --out build/evidence
    """


@export.command("ocsf")
@click.option("--file", "path", type=_FILE, help="Append findings to this file, one a line; - is standard output.")
@click.option("--webhook", metavar="URL", help="POST findings as JSON arrays; HYDROMETER_WEBHOOK_TOKEN is sent as a bearer's.")
@click.option("--topic", help="Send findings to this Kafka topic; make it first.")
@click.option("--once", is_flag=True, help="End when every alert so far is delivered.")
def export_ocsf(*, path: Path | None, webhook: str | None, topic: str | None, once: bool) -> None:
    """Forward alerts as OCSF Detection Findings, from where the last run ended, until Ctrl-C.

    \b
    Example:  hydrometer export ocsf --file findings.jsonl --once
              hydrometer export ocsf --webhook https://siem.example.com/hook
    """
    from contextlib import ExitStack, closing

    from kafka import KafkaProducer

    from streams.clickhouse.health import told
    from streams.core.settings import Settings
    from streams.exports import outlets as onward
    from streams.schema import topics as names

    if sum(each is not None for each in (path, webhook, topic)) != 1:
        raise click.UsageError("Name one of --file, --webhook and --topic.")
    settings = Settings.load(role="kafka")
    with names.answering(settings), ExitStack() as opened:
        if webhook:
            token = settings.webhook_token.get_secret_value() if settings.webhook_token else None
            outlet = onward.to_webhook(webhook, token)
        elif topic:
            outlet = onward.to_topic(opened.enter_context(closing(KafkaProducer(acks="all", **names.client_options(settings)))), topic)
        else:
            stream = sys.stdout.buffer if path is None or str(path) == "-" else opened.enter_context(onward.file_of(path))
            outlet = onward.to_file(stream)
        opened.enter_context(told(settings, "export"))
        delivered = onward.forward(settings, outlet, once=once)
    click.echo(f"{delivered:,} findings delivered", err=True)


@export.command("case")
@click.argument("case_id")
@click.option("--out", type=_FILE, required=True, help="Directory for the bundle's directory.")
@click.option("--tlp", type=click.Choice(["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]), default="AMBER", show_default=True)
def export_case(*, case_id: str, out: Path, tlp: bundle.Tlp) -> None:
    """Write a case as a signed bundle: JSON, page, CSV of members, and indicators that may be shared under the TLP mark.

    Needs HYDROMETER_EVIDENCE_KEY; whoever verifies the bundle needs the same key.

    \b
    Example:  hydrometer export case case-0fbfa5df00f4 --out build/evidence
    """
    from contextlib import closing
    from datetime import UTC, datetime

    from streams.cases.views import terminal
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings
    from streams.exports import bundle

    settings = Settings.load(role="clickhouse")
    key = settings.evidence()
    with closing(ClickHouse(settings)) as clickhouse:
        found = terminal.find(clickhouse, case_id)
        terminal.check(clickhouse, found)
        target = bundle.write(found, out, key, bundle.indicators(clickhouse, found, tlp), datetime.now(UTC))
    click.echo(f"wrote {target}")


@export.command("verify")
@click.argument("folder", type=_FILE)
def export_verify(*, folder: Path) -> None:
    """Check a bundle: its signature, and every file in it.

    \b
    Example:  hydrometer export verify build/evidence/case-0fbfa5df00f4
    """
    from streams.core.settings import Settings
    from streams.exports import bundle

    said = bundle.verify(folder, Settings.load(role="kafka").evidence())
    click.echo(f"{said['case_id']}, version {said['version']}, exported {said['exported_at']}: {len(said['sha256'])} files as signed")


@cli.command("new-feature")
@click.argument("name")
@click.option("--entity", default="account", show_default=True, help="What it is measured of: account or group.")
@click.option("--family", default="content", show_default=True, help="Which family's evidence it is.")
def new_feature(*, name: str, entity: str, family: str) -> None:
    """Write a new feature and its test.

    The test fails until it says what holds.

    \b
    Example:  hydrometer new-feature long_pauses --entity account --family timing
    """
    from streams.cli import scaffold

    paths = [path.relative_to(scaffold.ROOT) for path in scaffold.new_feature(name, entity, family)]
    for path in paths:
        click.echo(path)
    tests = " ".join(str(path) for path in paths if path.parts[0] == "tests")
    click.echo(f"next: write what it measures, then: .venv/bin/python -m pytest {tests} tests/contracts/test_features.py -k {name}")
    click.echo("then: make render, which draws its panel on the board; commit dashboards/generated too")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HydrometerError(f"cannot write {path} ({error.strerror}): choose another file") from error


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise click.UsageError(f"--http {text} is no HOST:PORT, as in 127.0.0.1:8088.")
    return host, int(port)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `hydrometer` with these arguments (or the process's) and leave with its exit code."""
    sys.exit(exit_code(lambda: _run(arguments)))


def _run(arguments: Sequence[str] | None) -> None:
    try:
        cli.main(arguments, prog_name="hydrometer", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "hydrometer"
        raise HydrometerError(f"{error.format_message().rstrip('.')}: see `{command} --help`") from error
    except click.ClickException as error:
        raise HydrometerError(error.format_message()) from error
    except click.Abort:
        raise KeyboardInterrupt from None
