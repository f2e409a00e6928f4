"""`hydrometer boards` and `hydrometer alerts`: the commands of this package, found by `streams.cli.main` through an entry point."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from streams.core.output import echo
from streams.core.repository import ROOT

if TYPE_CHECKING:
    from dashboards.alert_evaluator import Query
    from dashboards.grafana_http import Backend, GrafanaHttp

from streams.core.errors import HydrometerError

_BACKEND = click.option(
    "--backend",
    type=click.Choice(["grafana-api", "grafana-client"]),
    default="grafana-api",
    show_default=True,
    help="The library that carries the calls.",
)
_CONTACT = click.option(
    "--contact",
    "contacts",
    metavar="TEAM=KIND:TARGET",
    multiple=True,
    help="A contact point: soc=webhook:https://..., oncall=email:... Repeat it for more.",
)
_POLICIES = click.option("--policies", is_flag=True, help="Also route each team's alerts to its contact point, ahead of other policies.")
_PRUNE = click.option("--prune", is_flag=True, help="Delete published boards and rules that no longer exist here.")


@click.group()
def boards() -> None:
    """Bring the boards and alert rules into a Grafana.

    Reads HYDROMETER_GRAFANA_URL and HYDROMETER_GRAFANA_TOKEN (or ..._TOKEN_FILE), a service account's with the role Editor.

    \b
    Example:  hydrometer boards check
              hydrometer boards diff
              hydrometer boards publish --contact oncall=email:oncall@example.com
    """


@boards.command()
@_BACKEND
@_CONTACT
@_POLICIES
@click.option("--live", is_flag=True, help="Also run every published query and alert text in Grafana. Nothing is written.")
def check(*, backend: Backend, contacts: tuple[str, ...], policies: bool, live: bool) -> None:
    """Check Grafana's version, the token's rights, the plugin and the data source. Ends with exit code 2 when something is wrong.

    Takes the options of `publish`, whose rights are checked; nothing is written.

    \b
    Example:  hydrometer boards check
              hydrometer boards check --contact oncall=email:oncall@example.com --policies
              hydrometer boards check --live
    """
    from dashboards import publish as publishing
    from dashboards.grafana_live import try_all

    grafana = _grafana(backend)
    wanted = publishing.release(contacts)
    for line in publishing.check(grafana, contacts=bool(wanted.contacts), policies=policies):
        echo(f"ok    {line}")
    trials = list(try_all(grafana)) if live else []
    failed = [trial for trial in trials if trial.error]
    for trial in failed:
        echo(f"wrong {trial.name}: {trial.error}")
    if failed:
        raise HydrometerError(f"{len(failed)} of {len(trials)} queries and texts fail in Grafana: see above")
    if live:
        echo(f"ok    {len(trials)} queries and texts, run in Grafana")


@boards.command()
@_BACKEND
@_CONTACT
@_POLICIES
@_PRUNE
def diff(*, backend: Backend, contacts: tuple[str, ...], policies: bool, prune: bool) -> None:
    """Print what `publish` would change, and change nothing. Ends with exit code 2 when something differs.

    \b
    Example:  hydrometer boards diff
    """
    from dashboards.grafana_diff import differences
    from dashboards.publish import release

    changes = list(differences(_grafana(backend), release(contacts), prune=prune, policies=policies))
    differing = sum(change.action != "keep" for change in changes)
    for change in changes:
        echo(_line(change.action, change.kind, change.name, change.why))
    if differing:
        raise HydrometerError(f"{differing} of {len(changes)} differ: `hydrometer boards publish` brings them up to date")


@boards.command()
@_BACKEND
@_CONTACT
@_POLICIES
@_PRUNE
def publish(*, backend: Backend, contacts: tuple[str, ...], policies: bool, prune: bool) -> None:
    """Bring boards, rules and contact points up to date; a second time changes nothing.

    What people did in Grafana stays: names and permissions of folders, boards that were moved, paused rules, all that is foreign.

    \b
    Example:  hydrometer boards publish
              hydrometer boards publish --contact soc=webhook:https://chat.example.com/hook --policies
    """
    from dashboards import publish as publishing

    changes = publishing.publish(_grafana(backend), publishing.release(contacts), prune=prune, policies=policies)
    for change in changes:
        echo(_line(change.action, change.kind, change.name, change.why))


@click.group()
def alerts() -> None:
    """Evaluate the alert rules without a Grafana.

    \b
    Example:  hydrometer alerts show
              hydrometer alerts run --alertmanager http://127.0.0.1:9093
    """


@alerts.command()
def show() -> None:
    """Print the alerts that fire now, one per line, before any waiting time.

    \b
    Example:  hydrometer alerts show
    """
    from dashboards import alert_evaluator
    from dashboards.query import squeezed
    from dashboards.rules import rules

    query = _query()
    firing: Iterable[alert_evaluator.Firing] = (
        alert for name, rule in rules().items() for alert in alert_evaluator.firing(name, rule, query(squeezed(rule.sql)))
    )
    for alert in firing:
        echo(f"{rules()[alert.rule].severity:6}  {alert.rule:20} {alert.summary}")


@alerts.command()
@click.option("--alertmanager", metavar="URL", required=True, help="Its address, as http://127.0.0.1:9093.")
@click.option(
    "--every", "interval_seconds", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="Seconds between two evaluations."
)
def run(*, alertmanager: str, interval_seconds: float) -> None:
    """Evaluate all rules for ever and send alerts to a Prometheus Alertmanager, which groups, silences and delivers.

    \b
    Example:  hydrometer alerts run --alertmanager http://127.0.0.1:9093
    """
    from dashboards import alert_evaluator
    from streams.clickhouse.client import ClickHouse
    from streams.clickhouse.health import report_health
    from streams.core.settings import Settings

    if not alert_evaluator.URL.fullmatch(alertmanager):
        raise click.UsageError(f"--alertmanager {alertmanager} is not a URL, as in http://127.0.0.1:9093.")
    settings = Settings.load(role="clickhouse")
    with report_health(settings, "alerts"):
        alert_evaluator.run(ClickHouse(settings).named, alertmanager, interval_seconds, threading.Event())


@click.command("new-alert")
@click.argument("name")
@click.option("--team", default="oncall", show_default=True, help="The team that gets it: soc or oncall.")
def new_alert(*, name: str, team: str) -> None:
    """Write a new rule, its runbook and its test, which fails until it is completed.

    \b
    Example:  hydrometer new-alert late_backup --team oncall
    """
    from dashboards.new_alert import new_alert as write
    from streams.cli.new import report

    paths = write(name, team)
    test = paths[-1].relative_to(ROOT)
    report(paths, f"write what fires, then: .venv/bin/python -m pytest {test} tests/dashboards/alerts/test_every_rule.py -k {name}")
    echo("then: make render, which writes the rule; commit dashboards/generated too")


def _grafana(backend: Backend) -> GrafanaHttp:
    from dashboards.grafana_http import connect
    from streams.core.settings import Settings

    return connect(Settings.load(role="kafka"), backend)


def _query() -> Query:
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings

    return ClickHouse(Settings.load(role="clickhouse")).named


def _line(action: str, kind: str, name: str, why: str) -> str:
    return f"{action:7} {kind:14} {name}{f' ({why})' if why else ''}"
