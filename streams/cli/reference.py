"""The reference pages of the documentation, derived from the code; `make render` writes them to `docs/reference`."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Final, Literal, Union, get_args, get_origin

import click
import msgspec

from streams.clickhouse import migrate
from streams.core import settings
from streams.core.markdown import table
from streams.core.output import echo
from streams.core.repository import ROOT
from streams.features.events import NEVER_EVIDENCE
from streams.schema import topics
from streams.schema.event import FIELDS, LEAVES_AS
from streams.schema.record import Seconds

_COLUMN: Final = re.compile(r"^\s{4,}`?(\w+)`? ([A-Z]\w+[^,\n]*?),?\s*(?:--\s*(.*))?$")
_ALTERED: Final = re.compile(r"ALTER TABLE (\w+)\s(.*?);", re.DOTALL)
_ADDED: Final = re.compile(r"ADD COLUMN IF NOT EXISTS (\w+) ([A-Z]\w+[^,\n;]*)")
_TTL_OF: Final = re.compile(r"(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) (\w+)")
_TTL_DAYS: Final = re.compile(r"\bTTL .*INTERVAL (\d+) DAY")
_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)\s*\((.*?)\n\)", re.DOTALL)


def command_pages(above: click.Context) -> Iterator[str]:
    """Yield a heading and the help of every command below the group of a context, in the order of `--help`."""
    group = above.command
    assert isinstance(group, click.Group)  # noqa: S101 - the caller's
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        if command is None:
            continue
        context = click.Context(command, parent=above, info_name=name, terminal_width=100)  # its options for help are those above
        yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            yield from command_pages(context)


def cli_page() -> str:
    """Return the help of every command."""
    from streams.cli.main import cli

    return "\n".join(["# Commands", *command_pages(click.Context(cli, info_name="hydrometer", **cli.context_settings))])


def settings_page() -> str:
    """Return every `HYDROMETER_*` variable, its default and its meaning."""
    intro = "Each is an environment variable; a secret may be a file (`..._FILE`). Unknown names are refused."
    return f"# Settings\n\n{intro}\n\n{settings.table()}\n"


def topics_page() -> str:
    """Return every topic, what its records are partitioned by and how long they are kept."""
    kept = [
        (topic.name, topic.partitioned_by, f"{topic.retention_hours} hours" + (", of each key the last record" if topic.compacted else ""),
         "one" if topic.single else "HYDROMETER_PARTITIONS")
        for topic in topics.TOPICS
    ]  # fmt: skip
    return "# Topics\n\n" + table(("topic", "partitioned by", "kept", "partitions"), kept)


def retention_page() -> str:
    """Return after how long each topic, table and state ends."""
    from models.durations import DAY
    from streams.cases import expiry
    from streams.stages.accounts.archive import ARCHIVE_SECONDS
    from streams.stages.erased_accounts import ERASURE_MEMORY_SECONDS
    from streams.stages.groups.state import MEMBER_SECONDS

    kept = [(f"topic `{topic.name}`", f"{topic.retention_hours / 24:g}", "") for topic in topics.TOPICS]
    kept += [(f"table `{name}`", str(days), "`HYDROMETER_TABLE_DAYS`") for name, days in table_days().items()]
    states = (
        ("members of groups without a request", MEMBER_SECONDS),
        ("entities with evidence, of no case", expiry.ENTITY_SECONDS),
        ("cases that are resolved and not under legal hold, with their alerts", expiry.CASE_SECONDS),
        ("labels", expiry.LABEL_SECONDS),
        ("hashes of erased accounts", ERASURE_MEMORY_SECONDS),
    )
    kept += [(f"state: {name}", f"{seconds / DAY:g}", "") for name, seconds in states]
    accounts = "state: accounts without a request; after 14 days they are in the archive"
    kept += [(accounts, f"{ARCHIVE_SECONDS / DAY:g}", "`HYDROMETER_ACCOUNT_DAYS`")]
    intro = "In days, of event time in states. Of compacted topics the last record of each key is kept so long, earlier ones for two days."
    return f"# How long everything is kept\n\n{intro}\n\n" + table(("what", "days", "set by"), kept)


def table_days(folder: Path = migrate.FOLDER) -> dict[str, int]:
    """Return the days after which rows of each table end, as the migrations say; the newest one counts."""
    days: dict[str, int] = {}
    for migration in migrate.load(folder):
        for statement in migration.statements:
            name, ttl = _TTL_OF.search(statement), _TTL_DAYS.search(statement)
            if name and ttl:
                days[name[1]] = int(ttl[1])
    return dict(sorted(days.items()))


def event_page() -> str:
    """Return every field of the canonical event and the column that it fills."""
    fields = [
        (f"`{field.wire}`", LEAVES_AS[field.kind], f"`{field.column}`", "the caller's choice" if field.callers_choice else "")
        for field in FIELDS
    ]
    never = " and ".join(f"`{column}`" for column in sorted(NEVER_EVIDENCE))
    rules = f"Only `timestamp`, `event.id` and `account.id` are required. No feature may read {never} (`streams/features/events.py`)."
    return f"# The event\n\n{rules}\n\n" + table(("field", "leaves `collect` as", "column", ""), fields)


def tables_page(folder: Path = migrate.FOLDER) -> str:
    """Return every ClickHouse table with its columns, as the migrations make them."""
    columns: dict[str, list[tuple[str, str, str]]] = {}
    for migration in migrate.load(folder):
        for name, body in _TABLE.findall(migration.sql):
            columns[name] = [(f"`{column}`", f"`{kind}`", note or "") for column, kind, note in map(_column, body.splitlines()) if column]
        for name, body in _ALTERED.findall(migration.sql):
            columns[name] += [(f"`{column}`", f"`{kind}`", "") for column, kind in _ADDED.findall(body)]
    parts = [f"## {name}\n\n{table(('column', 'type', ''), rows)}" for name, rows in columns.items()]
    return "\n".join(["# Tables\n", *parts])


def _column(line: str) -> tuple[str, str, str]:
    match = _COLUMN.match(line)
    return (match[1], match[2].strip(), match[3]) if match and match[1] not in {"INDEX", "CONSTRAINT", "PROJECTION"} else ("", "", "")


def metrics_page() -> str:
    """Return every metric with the question that it answers."""
    from streams.telemetry.metrics import Metric

    lines = [(f"`{metric.exported}`", metric.value.kind, ", ".join(metric.value.labels), metric.value.question) for metric in Metric]
    return "# Metrics\n\n" + table(("metric", "kind", "labels", "question"), lines)


def features_page() -> str:
    """Return every feature, by family: what it measures, what it rises on and what it is blind to."""
    from models.evidence.families import REGISTRY
    from streams.features.registry import by_name

    parts = ["# Features\n\n`hydrometer features --json` has all fields: unit, scale, limits, accumulators.\n"]
    for family in REGISTRY:
        members = [feature for feature in by_name().values() if feature.family == family.name]
        lines = [
            (f"`{feature.name()}` ({feature.entity})", f"{feature.label} ({feature.unit.name})", feature.rises_on, feature.blind_to)
            for feature in members
        ]
        if lines:
            parts.append(f"## {family.name}\n\n{family.words}\n\n{table(('feature', 'measures', 'rises on', 'blind to'), lines)}")
    return "\n".join(parts)


def formats_page() -> str:
    """Return every log format and where it keeps each field."""
    from streams.cli.formats import as_markdown

    return f"# Log formats\n\nRecognised automatically; set `--format NAME` when recognition is wrong.\n\n{as_markdown()}\n"


def rules_page() -> str:
    """Return the named rules; an extraction alert needs one of them."""
    from models.evidence.extraction_rules import MIN_FAMILIES, RULES

    intro = f"Beside a purpose in the content and {MIN_FAMILIES} families with evidence, one of these must hold."
    return f"# Rules of extraction\n\n{intro}\n\n" + table(("rule", "requires"), [(rule.name, rule.requires) for rule in RULES])


def field_notes(record: type) -> dict[str, str]:
    """Return the docstring below each field of a record, by the field's name; inherited fields first."""
    notes: dict[str, str] = {}
    for cls in reversed(record.__mro__[:-1]):
        if not cls.__module__.startswith("streams."):
            continue
        body = next(node for node in ast.parse(textwrap.dedent(inspect.getsource(cls))).body if isinstance(node, ast.ClassDef)).body
        for field, note in itertools.pairwise(body):
            match field, note:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    notes[name] = " ".join(text.split())
    return notes


def record_table(record: type[msgspec.Struct]) -> str:
    """Return the fields of a record as a Markdown table: name, type and note."""
    notes = field_notes(record)
    hints = {field.name: field.type for field in msgspec.structs.fields(record)}
    return table(("field", "type", ""), [(f"`{name}`", f"`{_type_name(kind)}`", notes.get(name, "")) for name, kind in hints.items()])


def _type_name(kind: object) -> str:
    """Return a type in words of Python, without modules and metadata; a moment is `seconds`.

    >>> _type_name(float | None), _type_name(list[str]), _type_name(Seconds)
    ('float | None', 'list[str]', 'seconds')
    """
    if kind is Seconds:
        return "seconds"
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type_name(parts[0])
    if origin is Literal:
        return " | ".join(map(repr, parts))
    if origin in (Union, UnionType):
        return " | ".join(map(_type_name, parts))
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(_type_name, parts))}]"
    return "None" if kind is type(None) else getattr(kind, "__name__", str(kind))


def replay_page() -> str:
    """Return every file that a replay writes, with its columns or fields."""
    from streams.schema.cases import Alert, Case
    from streams.schema.replay_files import FILES

    intro = "Moments are seconds since 1970 in UTC in JSON, and timestamps in milliseconds in Parquet. What is unknown is null."
    files: dict[str, type[msgspec.Struct]] = {**FILES, "alerts.jsonl": Alert, "cases.jsonl": Case}
    parts = [f"## {name}\n\n{inspect.getdoc(record)}\n\n{record_table(record)}" for name, record in files.items()]
    return "\n".join([f"# Replay files\n\n`hydrometer replay LOG --out FOLDER` writes these files. {intro}\n", *parts])


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "cli": cli_page,
    "event": event_page,
    "features": features_page,
    "formats": formats_page,
    "metrics": metrics_page,
    "replay": replay_page,
    "retention": retention_page,
    "rules": rules_page,
    "settings": settings_page,
    "tables": tables_page,
    "topics": topics_page,
}
"""The function that writes each reference page, by name."""


def pages() -> dict[str, str]:
    """Return every reference page as Markdown, by name."""
    return {name: make() for name, make in PAGES.items()}


def main() -> None:
    """Write `docs/reference` (a part of `make render`), and remove pages that are no longer made."""
    folder, made = ROOT / "docs" / "reference", pages()
    folder.mkdir(exist_ok=True)
    for name, text in made.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.stem not in made:
            path.unlink()
    echo(f"wrote docs/reference: {len(made)} pages")


if __name__ == "__main__":
    main()
