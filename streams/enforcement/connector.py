"""What a connector is: one file of `streams/enforcement/connectors/` that puts orders at a gateway and takes them away again.

The contract suite (`tests/contracts/test_connectors.py`) is given each: a dry run changes nothing, applying twice is applying once,
what expires is removed, drift is seen, a rollback restores what was before, and a partial failure names what failed and keeps the rest.
"""

from __future__ import annotations

import base64
import importlib
import os
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, Self

import msgspec
import orjson

from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.core.typed_json import read_json
from streams.enforcement.orders import Order

_HEADER: Final = "# hydrometer orders: "


class ConnectorError(HydrometerError):
    """A destination did not take or give away an order. The message names what to look at, and never a secret."""


class Connector(Protocol):
    """One destination."""

    measures: ClassVar[frozenset[str]]
    """What it can do; other orders are reported as not enforceable there."""
    by_key: ClassVar[bool]
    """Whether it can limit an order to some keys of an account; where it cannot, such an order is not enforceable: it would hit all."""
    metavar: ClassVar[str]
    """What its target is, for the help."""

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Return a connector to a target. Raises ConnectorError."""
        ...

    def present(self) -> dict[str, Order]:
        """Return our orders at the destination, by id; an order that was edited there differs. Raises ConnectorError."""
        ...

    def put(self, order: Order) -> None:
        """Put an order there, or replace it. Raises ConnectorError."""
        ...

    def remove(self, order_id: str) -> None:
        """Take an order away; one that is not there is no error. Raises ConnectorError."""
        ...


class FileConnector:
    """A destination that is a configuration file, written whole and atomically. The orders stand in its first line."""

    measures: ClassVar[frozenset[str]]
    by_key: ClassVar[bool] = False
    metavar: ClassVar[str] = "FILE"

    def __init__(self, path: Path) -> None:
        """Write to this file."""
        self._path = path

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:  # noqa: ARG003 (files need no settings)
        """Return a connector to a file. Raises ConnectorError when its folder does not exist."""
        path = Path(target)
        if not path.parent.is_dir():
            raise ConnectorError(f"{path.parent} does not exist: create it, or name another file")
        return cls(path)

    def body(self, orders: Mapping[str, Order]) -> Any:
        """Return the gateway's configuration for these orders, as what JSON holds (which every YAML reader reads)."""
        raise NotImplementedError

    def present(self) -> dict[str, Order]:
        """Return the orders of the file; none when somebody edited the rest, so that they are put again. Raises ConnectorError."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConnectorError(f"cannot read {self._path} ({type(error).__name__}): correct it or name another file") from error
        listed = text.partition("\n")[0].removeprefix(_HEADER)
        try:
            plain: bytes | str = listed if listed.startswith("[") else base64.urlsafe_b64decode(listed)
            orders = {order.order_id: order for order in read_json(plain, list[Order])}
        except (msgspec.MsgspecError, ValueError):
            raise ConnectorError(f"{self._path} was not written by `hydrometer enforcement`: move it away or name another file") from None
        return orders if text == self._text(orders) else {}

    def put(self, order: Order) -> None:
        """Put an order there, or replace it. Raises ConnectorError."""
        self._write(self.present() | {order.order_id: order})

    def remove(self, order_id: str) -> None:
        """Take an order away. Raises ConnectorError."""
        self._write({name: order for name, order in self.present().items() if name != order_id})

    def stated(self, orders: Sequence[Order]) -> str:
        """Return these orders as the first line of the file holds them: as JSON, or that in base64."""
        return msgspec.json.encode(orders).decode()

    def written(self, body: Any) -> str:
        """Return a configuration as the file holds it."""
        return f"{orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()}\n"

    def _text(self, orders: Mapping[str, Order]) -> str:
        ordered = {name: orders[name] for name in sorted(orders)}
        return f"{_HEADER}{self.stated(list(ordered.values()))}\n{self.written(self.body(ordered))}"

    def _write(self, orders: Mapping[str, Order]) -> None:
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            fresh.write_text(self._text(orders), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise ConnectorError(f"cannot write {self._path} ({error.strerror}): correct it or name another file") from error


class RememberedOrders:
    """Which orders a destination took that cannot tell them back, in a file beside the workers' state."""

    def __init__(self, path: Path) -> None:
        """Keep them here."""
        self._path = path

    def read(self) -> dict[str, Order]:
        """Return them by id. Raises ConnectorError."""
        try:
            known = read_json(self._path.read_bytes(), list[Order])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise ConnectorError(f"cannot read {self._path} ({type(error).__name__}): delete it, and orders are put again") from error
        return {order.order_id: order for order in known}

    def write(self, orders: Mapping[str, Order]) -> None:
        """Replace them. Raises ConnectorError."""
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(list(orders.values())))
            fresh.replace(self._path)
        except OSError as error:
            raise ConnectorError(f"cannot write {self._path} ({error.strerror}): check HYDROMETER_STATE_DIR") from error


def credentials(path: Path, names: Sequence[str], advice: str) -> dict[str, str]:
    """Return the values of a file with a line `name: value` each.

    Args:
        path: The file.
        names: What it must hold.
        advice: How to make it.

    Raises:
        ConnectorError: It cannot be read, or lacks a name.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectorError(f"cannot read {path} ({type(error).__name__}): {advice}") from error
    values = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    missing = [name for name in names if not values.get(name)]
    if missing:
        raise ConnectorError(f"{path} has no {missing[0]}: {advice}")
    return values


@cache
def connectors() -> dict[str, type[Connector]]:
    """Return every connector by its name, which is that of its file."""
    package = importlib.import_module("streams.enforcement.connectors")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{package.__name__}.{name}").Connector for name in names}
