"""`hydrometer new-...`: the files of a new unit, with a test that fails until it is completed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from streams.core.output import echo
from streams.core.repository import ROOT


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
    from streams.cli.new_feature import new_feature as write

    paths = write(name, entity, family)
    report(paths, f"implement it, then: .venv/bin/python -m pytest {_below(paths[-1])} tests/contracts/test_features.py -k {name}")
    echo("then: make render, which draws its panel and notes which fields it needs; commit what it changed")


@click.command("new-hypothesis")
@click.argument("name")
def new_hypothesis(*, name: str) -> None:
    """Write a new benign hypothesis and its test.

    The test fails until it says what holds.

    \b
    Example:  hydrometer new-hypothesis night_school
    """
    from streams.cli.new_hypothesis import new_hypothesis as write

    paths = write(name)
    report(paths, f"implement it, then: .venv/bin/python -m pytest {_below(paths[-1])} tests/contracts/test_benign_hypotheses.py")


@click.command("new-format")
@click.argument("name")
def new_format(*, name: str) -> None:
    """Write a new log format with a sample line and the event expected of it.

    The contract of formats fails until the expected event is right.

    \b
    Example:  hydrometer new-format our_gateway
    """
    from streams.cli.new_format import new_format as write

    report(write(name), f"implement it, then: .venv/bin/python -m pytest tests/contracts/test_formats.py -k {name}")


@click.command("new-detector")
@click.argument("name")
def new_detector(*, name: str) -> None:
    """Write a new detector, which runs in shadow, and its test.

    The test fails until it says what the detector scores.

    \b
    Example:  hydrometer new-detector night_shift
    """
    from streams.cli.new_detector import class_of
    from streams.cli.new_detector import new_detector as write

    either = f'"{name} or {class_of(name)}"'  # the contract names its tests by the class
    report(write(name), f"state its scores in the test, then: .venv/bin/python -m pytest tests/models tests/streams/testing -k {either}")


@click.command("new-sink")
@click.argument("name")
def new_sink(*, name: str) -> None:
    """Write a new sink of findings, which is an option of `export ocsf`, and its test.

    The test fails until it has a real destination.

    \b
    Example:  hydrometer new-sink syslog
    """
    from streams.cli.new_sink import new_sink as write

    report(
        write(name), f"run a real destination in the test, then: .venv/bin/python -m pytest tests/streams/exports tests/contracts -k {name}"
    )


def report(paths: Iterable[Path], advice: str) -> None:
    """Print the files that a generator wrote, and the next step."""
    for path in paths:
        echo(_below(path))
    echo(f"next: {advice}")


def _below(path: Path) -> Path:
    return path.relative_to(ROOT)
