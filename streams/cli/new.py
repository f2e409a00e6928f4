"""`hydrometer new-...`: the files of a new unit, with a test that fails until it is completed."""

from __future__ import annotations

import click

from streams.cli.checkout import ROOT
from streams.core.output import echo


@click.command("new-feature")
@click.argument("name")
@click.option("--entity", default="account", show_default=True, help="What it is measured of: account or group.")
@click.option("--family", default="content", show_default=True, help="The family of its evidence.")
def new_feature(*, name: str, entity: str, family: str) -> None:
    """Write a new feature and its test.

    The test fails until it says what holds.

    \b
    Example:  hydrometer new-feature long_pauses --entity account --family timing
    """
    from streams.cli import scaffold

    paths = [path.relative_to(ROOT) for path in scaffold.new_feature(name, entity, family)]
    for path in paths:
        echo(path)
    tests = " ".join(str(path) for path in paths if path.parts[0] == "tests")
    echo(f"next: implement it, then: .venv/bin/python -m pytest {tests} tests/contracts/test_features.py -k {name}")
    echo("then: make render, which draws its panel and notes which fields it needs; commit what it changed")


@click.command("new-hypothesis")
@click.argument("name")
def new_hypothesis(*, name: str) -> None:
    """Write a new benign hypothesis and its test.

    The test fails until it says what holds.

    \b
    Example:  hydrometer new-hypothesis night_school
    """
    from streams.cli import new_hypothesis as scaffold

    paths = [path.relative_to(ROOT) for path in scaffold.new_hypothesis(name)]
    for path in paths:
        echo(path)
    echo(f"next: implement it, then: .venv/bin/python -m pytest {paths[-1]} tests/contracts/test_benign_hypotheses.py")


@click.command("new-format")
@click.argument("name")
def new_format(*, name: str) -> None:
    """Write a new log format with a sample line and the event expected of it.

    The contract of formats fails until the expected event is right.

    \b
    Example:  hydrometer new-format our_gateway
    """
    from streams.cli import new_format as scaffold

    for path in scaffold.new_format(name):
        echo(path.relative_to(ROOT))
    echo(f"next: implement it, then: .venv/bin/python -m pytest tests/contracts/test_formats.py -k {name}")
