"""What is ours has a type; an object of unknown shape is named where foreign data enters, and nowhere else."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("streams", "models", "dashboards")
OBJECTS: Final = frozenset({"dict", "Mapping", "MutableMapping"})

EDGES: Final = {
    "models/evidence/additive.py": (1, "trees as a target wrote them, checked by NumPy"),
    "streams/core/toml_file.py": (1, "tables that people write"),
    "streams/schema/event.py": (1, "an event before it is checked"),
    "streams/cases/audit_chain.py": (1, "a payload as it was stored, also with fields that this version does not know"),
    "streams/intake/formats/format.py": (1, "a line of a gateway's log"),
    "streams/intake/otlp_wire.py": (1, "a request of OTLP"),
    "streams/enforcement/connectors/envoy.py": (3, "Envoy's configuration"),
    "streams/enforcement/connectors/kong.py": (4, "Kong's plugins"),
    "streams/enforcement/litellm_hook.py": (4, "LiteLLM's own signatures"),
    "streams/desk/oidc_login.py": (1, "claims of an identity provider"),
    "streams/exports/ocsf.py": (1, "a finding in OCSF's shape"),
    "streams/forensics/litellm_hook.py": (1, "LiteLLM's own signature"),
    "streams/testing/figures.py": (1, "figures of a target, read by the tables that it wrote them for"),
    "dashboards/query.py": (1, "Grafana's JSON"),
}
"""Module -> how often it names an object of unknown shape, and whose shape that is. Numbers only fall; a new edge needs its reason."""


def shapeless(source: str) -> int:
    """Return how often a module names an object of unknown shape: `dict[str, Any]`, `Mapping[str, Any]` and the like."""
    return sum(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in OBJECTS
        and isinstance(node.slice, ast.Tuple)
        and [ast.unparse(item) for item in node.slice.elts] == ["str", "Any"]
        for node in ast.walk(ast.parse(source))
    )


def uses() -> Counter[str]:
    """Return the number of shapeless objects by module."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return +Counter({str(path.relative_to(ROOT)): shapeless(path.read_text(encoding="utf-8")) for path in paths})


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(a: dict[str, Any]) -> Mapping[str, Any]: ...", 2),
        ("Json = dict[str, Any]", 1),
        ("rows: list[dict[str, Any]] = []", 1),
        ("def f(a: dict[str, object], b: dict[str, NDArray[Any]]) -> None: ...", 0),
    ],
)
def test_a_shapeless_object_is_found_wherever_it_is_written(source: str, count: int) -> None:
    assert shapeless(source) == count


def test_shapeless_objects_are_named_at_the_edges_alone() -> None:
    allowed = Counter({module: count for module, (count, _) in EDGES.items()})
    assert uses() == allowed, "give it a msgspec struct, a frozen dataclass or a TypedDict; if foreign data enters here, say so in EDGES"


IN_TESTS: Final = {
    "tests/bench": 1,
    "tests/contracts": 2,
    "tests/dashboards": 11,
    "tests/deploy": 3,
    "tests/evaluation": 10,
    "tests/fuzz": 2,
    "tests/hostile": 1,
    "tests/integration": 6,
    "tests/streams/cases": 5,
    "tests/streams/cli": 1,
    "tests/streams/clickhouse": 7,
    "tests/streams/desk": 5,
    "tests/streams/devserver": 1,
    "tests/streams/enforcement": 1,
    "tests/streams/exports": 4,
    "tests/streams/schema": 2,
    "tests/streams/telemetry": 1,
    "tests/streams/testing": 1,
}
"""Folder of tests -> how often they name an object of unknown shape. Numbers only fall: an event is an `Event`, a record its struct."""


def uses_in_tests() -> Counter[str]:
    """Return the number of shapeless objects by folder of tests, two levels deep below `tests/streams`."""
    counts = Counter[str]()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        folders = path.relative_to(ROOT).parts[:-1]
        counts["/".join(folders[: 3 if "streams" in folders else 2])] += shapeless(path.read_text(encoding="utf-8"))
    return +counts


def test_shapeless_objects_of_tests_become_fewer() -> None:
    counts = uses_in_tests()
    grown = {folder: count for folder, count in counts.items() if count > IN_TESTS.get(folder, 0)}
    assert not grown, "give the fixture a type: `Event`, a struct of streams/schema, a TypedDict"
    assert counts == IN_TESTS, "fewer than before: write the new number"
