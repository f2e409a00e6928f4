"""`hydrometer desk`: the web application where analysts work cases."""

from __future__ import annotations

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8700, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
@click.option(
    "--public-url", default="", metavar="https://HOST", help="The address that people open, when a proxy with TLS stands in front."
)
@click.option("--invite", multiple=True, metavar="NAME:ROLE", help="Who gets a one-time link; a role is viewer, analyst or approver.")
def desk(*, host: str, port: int, public_url: str, invite: tuple[str, ...]) -> None:
    """Serve the desk, and print a one-time link for each person who is invited (unset: you, as approver).

    With HYDROMETER_OIDC_ISSUER people log in at your organisation's provider, and only those are invited who are named.

    \b
    Example:  hydrometer desk
              hydrometer desk --invite ada:analyst --invite bob:approver
    """
    import asyncio

    from streams.cases import labels
    from streams.core.output import echo
    from streams.core.settings import Settings
    from streams.desk.serve import serve
    from streams.desk.sessions import Person

    settings = Settings.load(role="clickhouse")  # beside the analysts' key, which `serve` asks for
    people = [Person.parse(text) for text in invite]
    if not people and not settings.oidc_issuer:
        people = [Person(labels.author(settings, None), "approver")]
    asyncio.run(serve(settings, (host, port), people, echo, public_url))
