"""Plan, apply, look, go back, stop: what is wanted against what is at a destination.

An order is put or removed by itself: one that fails is named, and the others are done. Applying again does what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from streams.core.errors import HydrometerError
from streams.core.typed_json import read_json
from streams.enforcement.connector import Connector, ConnectorError
from streams.enforcement.orders import Order


class StoppedError(HydrometerError):
    """Enforcement was stopped in an emergency. The message names the command that starts it again."""


@dataclass(frozen=True)
class Plan:
    """What would be done at one destination."""

    add: list[str]
    change: list[str]
    remove: list[str]
    keep: list[str]
    impossible: list[str]
    """Orders whose measure the destination does not have, or that are about keys where it knows accounts alone."""

    @property
    def is_empty(self) -> bool:
        """Return whether the destination obeys all that it can."""
        return not (self.add or self.change or self.remove)


@dataclass
class ApplyOutcome:
    """What was done, and what failed for which reason, by order."""

    plan: Plan
    failed: dict[str, str] = field(default_factory=dict)


def plan(connector: Connector, wanted: Mapping[str, Order]) -> Plan:
    """Return what is to be done so that a destination has these orders and no others of ours. Raises ConnectorError."""
    present = connector.present()
    able = {name: order for name, order in wanted.items() if _is_able(connector, order)}
    return Plan(
        add=sorted(able.keys() - present.keys()),
        change=sorted(name for name in able.keys() & present.keys() if able[name] != present[name]),
        remove=sorted(present.keys() - able.keys()),
        keep=sorted(name for name in able.keys() & present.keys() if able[name] == present[name]),
        impossible=sorted(wanted.keys() - able.keys()),
    )


def _is_able(connector: Connector, order: Order) -> bool:
    return order.measure in connector.measures and (connector.by_key or not order.keys)


def apply(connector: Connector, wanted: Mapping[str, Order], *, dry_run: bool = False) -> ApplyOutcome:
    """Do what the plan says, the removals first; with `dry_run` nothing. Raises ConnectorError when the destination cannot be read."""
    outcome = ApplyOutcome(plan(connector, wanted))
    if dry_run:
        return outcome
    for name in (*outcome.plan.remove, *outcome.plan.add, *outcome.plan.change):
        try:
            if name in outcome.plan.remove:
                connector.remove(name)
            else:
                connector.put(wanted[name])
        except ConnectorError as error:
            outcome.failed[name] = str(error)
    return outcome


class _Kept(msgspec.Struct):
    stopped: bool = False
    sets: dict[str, list[list[str]]] = msgspec.field(default_factory=dict)
    """By destination, the ids of the orders of the newest runs, the last one last."""


class Memory:
    """What was applied where, so that a run can be taken back; and whether all is stopped."""

    def __init__(self, path: Path) -> None:
        """Keep it in this file. Raises HydrometerError when it cannot be read."""
        self._path = path
        try:
            self._kept = read_json(path.read_bytes(), _Kept)
        except FileNotFoundError:
            self._kept = _Kept()
        except (OSError, msgspec.MsgspecError) as error:
            raise HydrometerError(
                f"cannot read {path} ({type(error).__name__}): delete it; a rollback then has nothing to go back to"
            ) from error

    def check(self) -> None:
        """Raise StoppedError while enforcement is stopped."""
        if self._kept.stopped:
            raise StoppedError("enforcement is stopped: `hydrometer enforcement apply --resume` starts it again")

    def stop(self, *, stopped: bool) -> None:
        """Stop, or start again."""
        self._kept.stopped = stopped
        self._save()

    def applied(self, destination: str, orders: Mapping[str, Order]) -> None:
        """Note what a destination was given, unless it is what it had."""
        sets = self._kept.sets.setdefault(destination, [])
        if not sets or sets[-1] != sorted(orders):
            self._kept.sets[destination] = [*sets[-9:], sorted(orders)]
            self._save()

    def before(self, destination: str, wanted: Mapping[str, Order]) -> dict[str, Order]:
        """Return the orders of the run before the last that are still in force: a rollback brings back nothing that was undone."""
        sets = self._kept.sets.get(destination, [])
        names = sets[-2] if len(sets) > 1 else []
        return {name: wanted[name] for name in names if name in wanted}

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self._kept))
        fresh.replace(self._path)
