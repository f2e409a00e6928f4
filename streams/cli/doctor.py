"""The checks of `hydrometer doctor`, in the order of the flow, from settings to the disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from streams.cases.policy import Policy
from streams.clickhouse import migrate, unknown
from streams.clickhouse.client import ClickHouse
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.features.registry import by_name
from streams.kafka import progress
from streams.schema import topics
from streams.schema.event import FIELDS, REQUIRED
from streams.schema.names import BEHAVIOURS
from streams.telemetry.metrics import Metric

INPUTS: Final = {
    topics.ACCOUNTS_AGENT: topics.REQUESTS,
    topics.GROUPS_AGENT: topics.GROUPS,
    topics.CASES_AGENT: topics.EVIDENCE,
    topics.STORE_AGENT: topics.REQUESTS,
}
"""What each agent reads first of all."""
LAG_SECONDS: Final = 3.0
"""Between two looks at the lag: it must not grow."""
MAX_LAG_RISE_RECORDS: Final = 20
"""Records that may come between without being growth."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: its state, or the problem and the fix."""

    subject: str
    good: bool
    text: str


def examine() -> Iterator[CheckResult]:
    """Yield one finding per check, without changing anything."""
    try:
        settings = Settings.load(role="clickhouse")
    except HydrometerError as error:
        yield CheckResult("settings", good=False, text=str(error))
        return
    yield CheckResult("settings", good=True, text=f"{settings.mode} mode, {settings.partitions} partitions")
    yield _finding("policy", _policy, settings)
    kafka = _finding("topics", _topics, settings)
    yield kafka
    if kafka.good:
        yield _finding("lag", _lag, settings)
    clickhouse = _finding("clickhouse", _clickhouse, settings)
    yield clickhouse
    if clickhouse.good:
        yield _finding("sources", _sources, settings)
        yield _finding("log", _log, settings)
    yield _finding("state", _state, settings)


def _finding(subject: str, check: Callable[[Settings], str], settings: Settings) -> CheckResult:
    try:
        return CheckResult(subject, good=True, text=check(settings))
    except HydrometerError as error:
        return CheckResult(subject, good=False, text=str(error))


def _policy(settings: Settings) -> str:
    policy = Policy.load(settings.permitted_parties, settings.policy)
    thresholds = ", ".join(f"{behaviour} {policy.threshold_nats(behaviour):g}" for behaviour in BEHAVIOURS)
    return f"thresholds in nats: {thresholds}; permitted parties: {len(policy.permissions)}"


def _topics(settings: Settings) -> str:
    missing = topics.missing(settings)
    if missing:
        raise HydrometerError(f"{', '.join(missing)} missing at {settings.kafka}: run `hydrometer topics`")
    return f"all {len(topics.TOPICS)} exist at {settings.kafka}"


def _lag(settings: Settings) -> str:
    """Return how many records wait for each reader.

    Raises:
        HydrometerError: If an agent never acknowledged anything although its topic has records, or its lag grows within LAG_SECONDS.
    """
    before = _waiting(settings)
    records = topics.records(settings, *INPUTS.values())
    if silent := [reader for reader, topic in INPUTS.items() if before[reader] is None and records[topic]]:
        raise HydrometerError(
            f"never acknowledged anything: {', '.join(silent)}: start `hydrometer worker {' '.join(silent)}`, see its log"
        )
    if not any(before.values()):
        return f"records waiting: {_named(before)}"
    time.sleep(LAG_SECONDS)
    now = _waiting(settings)
    if growing := [reader for reader, waiting in now.items() if (waiting or 0) > (before[reader] or 0) + MAX_LAG_RISE_RECORDS]:
        raise HydrometerError(f"more records wait for {', '.join(growing)} than {LAG_SECONDS:.0f} s ago ({_named(now)}): add workers")
    return f"records waiting: {_named(now)}"


def _waiting(settings: Settings) -> dict[str, int | None]:
    """Return how many records wait for each reader, None for one that has never acknowledged anything."""
    lags = {reader: progress.lag(settings, topics.group_of(reader)) for reader in topics.READERS}
    return {reader: sum(sum(partitions.values()) for partitions in lag.values()) if lag else None for reader, lag in lags.items()}


def _named(waiting: Mapping[str, int | None]) -> str:
    return ", ".join(f"{reader} has not read yet" if records is None else f"{reader} {records}" for reader, records in waiting.items())


def _clickhouse(settings: Settings) -> str:
    pending = migrate.run(settings, dry_run=True)
    where = f"{settings.clickhouse_host}:{settings.clickhouse_port}"
    if pending:
        raise HydrometerError(f"{len(pending)} migrations pending at {where}: run `hydrometer migrate`")
    return f"tables are up to date at {where}"


def _sources(settings: Settings) -> str:
    """Return that no `collect` has paused a source. Raises HydrometerError naming those that have, by their last report."""
    rows = ClickHouse(settings).query(
        "SELECT instance, argMax(value, time) FROM health WHERE metric = %(metric)s AND time > now() - INTERVAL 10 MINUTE "
        "GROUP BY instance ORDER BY instance",
        {"metric": Metric.FUSE_BLOWN.exported},
    )
    if paused := [instance for instance, blown in rows if blown]:
        advice = "correct the format, see `hydrometer dead-letters list`"
        raise HydrometerError(f"{', '.join(paused)} paused a source, because too many of its lines are refused: {advice}")
    return f"{len(rows)} `collect` processes report, none has paused a source"


def _log(settings: Settings) -> str:
    """Return what the log of the last day lacks, and which features are blind without it."""
    rows, columns = unknown.never_known(ClickHouse(settings))
    if not rows:
        return "no request within a day"
    missing = [field.wire for field in FIELDS if field.column in columns and field.wire not in REQUIRED]
    if not missing:
        return "every field is known in some of the requests of a day"
    from streams.replay.little_world import blind_without  # loads every stage

    blind = sorted(blind_without(frozenset(missing)) & by_name().keys())
    return (
        f"no request of a day has {', '.join(missing)}; {len(blind)} of {len(by_name())} features are blind: {', '.join(blind) or 'none'}"
        f"{_cost(missing)}"
    )


def _cost(missing: Sequence[str]) -> str:
    """Return what that costs in campaigns found, by one measured world; empty where nothing of it was measured."""
    from streams.replay.lacking_costs import ALL_FIELDS, counted, groups_within, stored

    rows = {name: row for name in (ALL_FIELDS, *(f"without {group}" for group in groups_within(missing))) if (row := stored().of(name))}
    named = ", ".join(f"{name} {counted(row)}" for name, row in rows.items())
    return f"; campaigns found (or asked about) in one measured world: {named}" if len(rows) > 1 else ""


def _state(settings: Settings) -> str:
    directory = settings.state_dir.absolute()
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        raise HydrometerError(f"cannot write into {existing}: set HYDROMETER_STATE_DIR, or give this user write permission")
    return f"{directory} is writable"
