"""`hydrometer new-sink`: the two files of a new outlet, with a test that fails until it has a real destination.

An outlet is found by itself: `hydrometer export ocsf` has an option of its name, and `tests/contracts/test_outlets.py` examines it.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final

from streams.cli.checkout import refuse_taken
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT

_OUTLET: Final = '''"""Outlet `{name}`: name the destination here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from streams.core.settings import Settings
from streams.exports.ocsf import Json
from streams.exports.outlet import DeliveryError, OutletConfigError


class Outlet:
    """A destination of findings. Its errors never name the whole target, which may contain a secret."""

    metavar: ClassVar = "TARGET"
    help: ClassVar = "Send findings to this destination."

    def __init__(self, target: str) -> None:
        """Deliver to `target`."""
        self._target = target

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Return an outlet to `target`. Raises OutletConfigError when it cannot work."""
        del settings  # secrets are settings, never part of a target
        if not target:
            raise OutletConfigError("--{name} has no target: name one")
        return cls(target)

    def deliver(self, findings: Sequence[Json]) -> None:
        """Return only once the destination has all findings. Raises DeliveryError."""
        raise DeliveryError(f"{{len(findings)}} findings were not delivered: write deliver() of the outlet {name}")

    def close(self) -> None:
        """Release what `open` acquired."""
'''

_TEST: Final = """from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from streams.core.settings import Settings
from streams.exports.outlets.{name} import Outlet
from streams.testing.destination import SECRET, TrialDestination

SETTINGS = Settings.model_validate({{"mode": "local"}})


@contextmanager
def destination(folder: Path) -> Iterator[TrialDestination]:
    received = list[dict[str, object]]  # replace this: run a real destination here, and return what it has
    yield TrialDestination(str(folder), SETTINGS, received, (f"away-{{SECRET}}", SETTINGS))


def test_one_sentence_that_says_what_holds(tmp_path: Path) -> None:
    with destination(tmp_path) as at, closing(Outlet.open(at.target, at.settings)) as outlet:
        outlet.deliver([{{"n": 1}}])
        assert at.received() == [{{"n": 1}}]
"""


def new_sink(name: str, root: Path = ROOT) -> list[Path]:
    """Write an outlet and its failing test below `root`, a checkout.

    Args:
        name: Of the outlet, its module and its option: lower-case words joined by underscores.
        root: The checkout.

    Returns:
        The paths of the two files.

    Raises:
        HydrometerError: Before anything is written, for a name of another form or one that exists, and outside of a checkout.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", name) or keyword.iskeyword(name) or name in ("once", "help"):
        raise HydrometerError(f"{name!r} is not a name for a sink: use lower-case words joined by underscores, as in syslog")
    place = Path("streams", "exports", "outlets")
    paths = [root / place / f"{name}.py", root / "tests" / place / f"test_{name}.py"]
    refuse_taken(paths)
    for path, text in zip(paths, (_OUTLET, _TEST), strict=True):
        path.write_text(text.format(name=name), encoding="utf-8")
    return paths
