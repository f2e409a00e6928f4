"""`hydrometer dead-letters`: what was refused, why and where, from the topic itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import click

from streams.core.errors import HydrometerError
from streams.core.output import console, echo

if TYPE_CHECKING:
    from streams.schema.dead_letters import DeadLetter

_RECORDS = click.option(
    "--records", type=click.IntRange(min=1), default=10_000, show_default=True, help="Newest records of each partition to look at."
)
_REASON = click.option("--reason", help="Only letters with this reason, as missing_field.")
_SOURCE = click.option("--source", help="Only letters of this file, feed or topic.")


@click.group(name="dead-letters")
def dead_letters() -> None:
    """Show which lines and records were refused, and why.

    A letter has the shape of its line and none of its text, so it cannot be sent again: correct the cause, then send the source again; what
    had been accepted counts once.

    \b
    Example:  hydrometer dead-letters list
              hydrometer dead-letters show --reason missing_field
    """


@dead_letters.command(name="list")
@_RECORDS
@_REASON
@_SOURCE
def list_letters(*, records: int, reason: str | None, source: str | None) -> None:
    """Count the newest letters by source and reason, most first, each with an example.

    \b
    Example:  hydrometer dead-letters list --records 1000
    """
    from rich.table import Table

    groups: dict[tuple[str, str], list[tuple[str, DeadLetter]]] = defaultdict(list)
    for when, letter in _letters(records, reason, source):
        groups[letter.source, letter.reason].append((when, letter))
    table = Table("count", "newest", "source", "reason", "for example")
    for (origin, why), letters in sorted(groups.items(), key=lambda item: -len(item[1])):
        when, newest = letters[-1]
        table.add_row(f"{len(letters):,}", when, origin, why, f"{newest.detail} ({newest.position})")
    console().print(table)


@dead_letters.command()
@_RECORDS
@_REASON
@_SOURCE
@click.option("--count", type=click.IntRange(min=1), default=5, show_default=True, help="How many letters, newest first.")
def show(*, records: int, reason: str | None, source: str | None, count: int) -> None:
    """Print the newest letters: when, where, why, and the shape of the line.

    \b
    Example:  hydrometer dead-letters show --source monday.jsonl.gz --count 1
    """
    from streams.intake.dead_letters import blanked  # a stranger may have written onto the topic what nobody blanked

    for when, letter in reversed(_letters(records, reason, source)[-count:]):
        echo(f"{when}  {letter.source}, {letter.position}: {letter.reason}")
        echo(f"  {letter.detail}")
        echo(f"  {blanked(letter.line).decode() if letter.line else 'a record without a line'}")


def _letters(records: int, reason: str | None, source: str | None) -> list[tuple[str, DeadLetter]]:
    """Return the newest letters with the time they were written, oldest first. Raises HydrometerError when no letter matches."""
    import msgspec

    from streams.core.moments import moment
    from streams.core.settings import Settings
    from streams.kafka.log_range import tail
    from streams.schema import topics
    from streams.schema.dead_letters import DeadLetter

    letters = []
    for record in tail(Settings.load(role="kafka"), topics.DEAD_LETTERS, records):
        letter = msgspec.structs.replace(DeadLetter.from_headers(dict(record.headers)), line=record.value or b"")
        if reason in (None, letter.reason) and source in (None, letter.source):
            letters.append((f"{moment(record.time_ms / 1000):%Y-%m-%d %H:%M:%S}", letter))
    if not letters:
        raise HydrometerError(f"no such letter among the newest {records:,} records of each partition of {topics.DEAD_LETTERS}")
    return letters
