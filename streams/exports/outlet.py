"""The contract of an outlet, and the registry: every file of `streams/exports/outlets/`, and every outlet of an installed package.

A package declares its outlets in its metadata, each under the name of its option of `hydrometer export ocsf`:

    [project.entry-points."hydrometer.outlets"]
    syslog = "acme_outlets.syslog:Outlet"

The class has `metavar` and `help` for the command, and the three methods of `Outlet`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar, Final, Protocol, Self

from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.exports import outlets as package
from streams.exports.ocsf import Json

OUTLET_ENTRY_POINTS: Final = "hydrometer.outlets"
_FIELDS: Final = ("metavar", "help", "open", "deliver", "close")


class OutletConfigError(HydrometerError):
    """An outlet's target is invalid. The message never repeats a target that may contain a secret."""


class DeliveryError(HydrometerError):
    """The destination rejected findings. Their offsets are not committed; the next start delivers them again."""


class Outlet(Protocol):
    """A destination of findings."""

    metavar: ClassVar[str]
    """The option's value in the help text, as in `URL`."""
    help: ClassVar[str]
    """One sentence for `hydrometer export ocsf --help`."""

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Return an outlet to `target`, the option's value. Raises OutletConfigError, DeliveryError, BrokerUnavailableError."""
        ...

    def deliver(self, findings: Sequence[Json]) -> None:
        """Return only once the destination has all findings. Raises DeliveryError, BrokerUnavailableError."""
        ...

    def close(self) -> None:
        """Release what `open` acquired. Raises nothing."""
        ...


@cache
def outlets() -> dict[str, type[Outlet]]:
    """Return every outlet by its name, in the order of names.

    Raises:
        OutletConfigError: An outlet of an installed package cannot be used.
    """
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    own: dict[str, type[Outlet]] = {name: importlib.import_module(f"{package.__name__}.{name}").Outlet for name in names}
    others = {point.name: load(point) for point in entry_points(group=OUTLET_ENTRY_POINTS)}
    if taken := own.keys() & others.keys():
        raise OutletConfigError(f"outlet {min(taken)} of an installed package exists here already: rename its entry point")
    return dict(sorted((own | others).items()))


def load(point: EntryPoint) -> type[Outlet]:
    """Return the outlet behind an entry point.

    Raises:
        OutletConfigError: Its name cannot be an option, it cannot be imported, or it lacks a member of `Outlet`.
    """
    where = f"outlet {point.name} ({point.value})"
    if not point.name.isidentifier() or point.name in ("once", "help"):
        raise OutletConfigError(f"{where} cannot be an option: name its entry point by one free word, as in syslog")
    try:
        outlet: type[Outlet] = point.load()
    except (ImportError, AttributeError, NameError, SyntaxError, TypeError, ValueError) as error:
        raise OutletConfigError(f"{where} cannot be loaded ({type(error).__name__}): repair or uninstall the package") from error
    if missing := [field for field in _FIELDS if not hasattr(outlet, field)]:
        raise OutletConfigError(f"{where} lacks {', '.join(missing)}: see streams/exports/outlet.py")
    return outlet
