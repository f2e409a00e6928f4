"""`hydrometer desk` in production: a process of its own, which holds no more than it needs."""

from __future__ import annotations

from click.testing import CliRunner

from streams.cli.main import cli

OWN = {"HYDROMETER_MODE": "production", "HYDROMETER_CLICKHOUSE_PASSWORD": "a password of this test"}


def said(*arguments: str, **environment: str) -> str:
    return str(CliRunner().invoke(cli, ["desk", "--invite", "ada:analyst", *arguments], env=OWN | environment).exception)


def test_it_asks_for_no_key_of_collect_or_of_workers() -> None:
    assert "name the address that people open" in said("--host", "0.0.0.0")  # noqa: S104 - what it refuses


def test_it_asks_for_the_analysts_key() -> None:
    assert "HYDROMETER_ANALYST_KEY" in said("--public-url", "https://desk.example.com")
