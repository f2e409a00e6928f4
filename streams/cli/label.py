"""`hydrometer label`: what a person decides of a case, an account or a router."""

from __future__ import annotations

import click

from streams.cli.case import known_case
from streams.core.errors import HydrometerError
from streams.core.output import echo
from streams.schema.labels import LABELLED_KINDS, VERDICTS


@click.command()
@click.argument("entity_kind", type=click.Choice(LABELLED_KINDS))
@click.argument("entity_id")
@click.argument("verdict", type=click.Choice(VERDICTS))
@click.option("--author", help="Who decided; the owner of HYDROMETER_AUTHOR_KEY, else the name of this login.")
@click.option("--note", default="", help="Why, in a sentence. It is stored: quote no prompts.")
def label(*, entity_kind: str, entity_id: str, verdict: str, author: str | None, note: str) -> None:
    """Record what a person decided of a case, an account or a router.

    A case labelled benign is resolved, and comes back as a new case only with 3 nats more or twice the members. If that was a mistake,
    label it again: the case opens with those of its alerts that have not come back as another. The newest label of an author on an entity
    counts.

    \b
    Example:  hydrometer label case case-0fbfa5df00f4 benign --author ada --note "course at a university, confirmed"
    """
    from streams.cases import labels
    from streams.core.settings import Settings
    from streams.schema import topics as names

    settings = Settings.load(role="kafka")
    known = known_case(entity_id) if entity_kind == "case" else None
    if known:
        entity_id = known.case_id
    elif _unseen(entity_kind, entity_id):
        echo(f"warning: no {entity_kind} called {entity_id} was ever seen: is it misspelt? The label is stored.", err=True)
    found = labels.make(entity_kind, entity_id, verdict, labels.author(settings, author), note)
    with names.answering(settings):
        labels.send(settings, found)
    echo(f"{entity_kind} {entity_id}: {verdict}, says {found.author} (label {found.label_id})")
    if known and known.state == "open" and verdict == "benign":
        echo("it is resolved by this; a later label that is not benign opens it again")
    elif known and known.state != "open" and verdict != "benign":
        dismissed = known.payload.label is not None and known.payload.label.verdict == "benign"
        echo(
            "what a label had closed of it is opened again, but for alerts that have come back as another case"
            if dismissed
            else "it stays resolved: no label closed it, and new evidence opens a new one"
        )


def _unseen(kind: str, name: str) -> bool:
    """Say whether ClickHouse answers, and knows nothing of an entity: a label may come before its requests, so it is only a warning."""
    from streams.cases.views import terminal
    from streams.clickhouse.client import connected

    try:
        with connected() as clickhouse:
            return not terminal.seen(clickhouse, kind, name)
    except HydrometerError:  # a label needs Kafka alone
        return False
