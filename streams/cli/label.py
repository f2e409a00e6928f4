"""`hydrometer label`: a person's verdict on a case, an account or a router."""

from __future__ import annotations

import click

from streams.cli.case import known_case
from streams.cli.commands import AUTHOR, NOTE
from streams.core.errors import HydrometerError
from streams.core.output import echo
from streams.schema.labels import LABELLED_KINDS, REASONS, VERDICTS, WITHDRAWN


@click.command()
@click.argument("entity_kind", type=click.Choice(LABELLED_KINDS))
@click.argument("entity_id")
@click.argument("verdict", type=click.Choice((*VERDICTS, WITHDRAWN)))
@click.option("--reason", type=click.Choice(REASONS), default=None, help="Why it is benign.")
@AUTHOR
@NOTE
def label(*, entity_kind: str, entity_id: str, verdict: str, reason: str | None, author: str | None, note: str) -> None:
    """Record a person's verdict on a case, an account or a router.

    A case labelled benign is resolved, and a new case opens only with 3 nats more, or twice the accounts and three. If that was a mistake,
    label it again: the case opens with those of its alerts that did not open another case. Of an author's labels on an entity the newest
    counts; `withdrawn` takes yours back.

    \b
    Example:  hydrometer label case case-0fbfa5df00f4 benign --reason education --note "course of a university, confirmed"
    """
    from streams.cases import labels
    from streams.core.settings import Settings
    from streams.schema import topics as names

    settings = Settings.load(role="kafka")
    known = known_case(entity_id) if entity_kind == "case" else None
    if known:
        entity_id = known.case_id
    elif _unknown_entity(entity_kind, entity_id):
        echo(f"warning: no {entity_kind} called {entity_id} was ever seen: check the spelling. The label is stored.", err=True)
    decision = labels.make(entity_kind, entity_id, verdict, labels.author(settings, author), note, reason=reason or "")
    with names.answering(settings):
        labels.send(settings, decision)
    echo(f"{entity_kind} {entity_id}: {verdict}, by {decision.author} (label {decision.label_id})")
    if known and known.state == "open" and verdict == "benign":
        echo("the case is resolved; a later label that is not benign opens it again")
    elif known and known.state != "open" and verdict not in ("benign", WITHDRAWN):
        dismissed = known.payload.label is not None and known.payload.label.verdict == "benign"
        echo(
            "the alerts that a label had closed are open again, except those that have opened another case"
            if dismissed
            else "it stays resolved: no label closed it, and new evidence opens a new case"
        )


def _unknown_entity(kind: str, name: str) -> bool:
    """Return whether ClickHouse answers without a row of an entity. Only a warning: a label may precede the requests."""
    from streams.cases.views import terminal
    from streams.clickhouse.client import connected

    try:
        with connected() as clickhouse:
            return not terminal.seen(clickhouse, kind, name)
    except HydrometerError:  # a label needs Kafka alone
        return False
