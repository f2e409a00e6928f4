"""One fact, one place: a list of names is written in one module, and every other imports it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, get_args

import pytest

from models.evidence.links import LINK_KINDS
from streams.schema.names import Behaviour

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("streams", "models", "dashboards")
MIN_NAMES: Final = 3
FACTS_OF_OTHERS: Final = (
    "streams/intake/formats/",
    "streams/devserver/",
    "dashboards/boards/",
    "streams/testing/",
    "streams/demo/",
    "streams/enforcement/connectors/",
)
"""What others call their fields, what a panel shows or a gateway enforces, and what only examples say, is said where it is used."""


def name_sets(source: str) -> Iterator[frozenset[str]]:
    """Yield each literal of at least MIN_NAMES different strings that a module holds in a tuple, list, set or Literal."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            values = [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
            if len(values) == len(node.elts) and len(set(values)) >= MIN_NAMES:
                yield frozenset(values)


def copies(modules: dict[str, str]) -> dict[tuple[str, ...], list[str]]:
    """Return the sets of names that several modules write out, with those modules. modules: source by path."""
    places: dict[frozenset[str], set[str]] = defaultdict(set)
    for path, source in modules.items():
        for names in name_sets(source):
            places[names].add(path)
    return {tuple(sorted(names)): sorted(paths) for names, paths in places.items() if len(paths) > 1}


def test_a_copy_is_found_in_another_order_and_in_another_kind_of_literal() -> None:
    found = copies({"a.py": 'KINDS = ("x", "y", "z")', "b.py": 'Kind = Literal["z", "y", "x"]', "c.py": 'PAIR = ("x", "y")'})
    assert found == {("x", "y", "z"): ["a.py", "b.py"]}


def test_no_set_of_names_is_written_in_two_modules() -> None:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    modules = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    assert not copies({path: source for path, source in modules.items() if not path.startswith(FACTS_OF_OTHERS)})


MIN_TELLING_NUMBER: Final = 1 << 32
"""A written number from which nobody writes the same one by chance: a multiplier of a hash, a seed."""


def constants(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and value, as text, of each constant of a module, and each number from MIN_TELLING_NUMBER by itself.

    A private constant has the name of the public one, and units do not make another name of it: `_DAY_SECONDS` is `DAY`.
    """
    tree = ast.parse(source)
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                if name.isupper() and len(name) > 1:
                    yield name.strip("_").removesuffix("_SECONDS"), ast.unparse(value).replace("_", "").removesuffix(".0")
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value >= MIN_TELLING_NUMBER:
            yield str(node.value), str(node.value)


OWN_FACTS: Final = frozenset({"FORMAT_VERSION", "TIMEOUT"})
"""Names of which each module has its own: versions of its file format, patience with its peer."""
SAME_BY_CHANCE: Final = {
    ("NO_OFFSET", "-1"): "no block is in the state yet; no epoch was written yet",
}
"""Constants of one name and one value that are two facts, and why."""


def constants_written_twice(modules: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Return the constants that several modules write with the same value, with those modules. modules: source by path."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, source in modules.items():
        for constant in constants(source):
            if constant[0] not in OWN_FACTS:
                places[constant].add(path)
    return {constant: sorted(paths) for constant, paths in places.items() if len(paths) > 1}


@pytest.mark.parametrize(
    ("first", "other", "count"),
    [
        ("DAY = 86400.0", "_DAY_SECONDS: Final = 86_400", 1),
        ("DAY = 86400.0", "DAY = 24 * HOUR", 0),
        ("mixed = hashes * 0x9E3779B97F4A7C15", "state = turn ^ 0x9E3779B97F4A7C15", 1),
        ("LIMIT_BYTES = 64", "OTHER_BYTES = 64", 0),
    ],
)
def test_a_constant_that_is_written_twice_is_found(first: str, other: str, count: int) -> None:
    assert len(constants_written_twice({"a.py": first, "b.py": other})) == count


def test_no_constant_is_written_in_two_modules() -> None:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    modules = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    copied = constants_written_twice({path: source for path, source in modules.items() if not path.startswith(FACTS_OF_OTHERS)})
    assert {constant: paths for constant, paths in copied.items() if constant not in SAME_BY_CHANCE} == {}
    assert set(SAME_BY_CHANCE) <= set(copied), "a constant of SAME_BY_CHANCE is no longer written twice: drop it"


NAMES: Final = "streams/schema/names.py"
"""Where `kind:id` and `behaviour:kind:id` are written and taken apart."""
OTHER_COLONS: Final = {
    "streams/cases/views/page.py": "the colon of a badge's text",
    "streams/cli/collect.py": "host:port",
    "streams/cli/setup.py": "host:port",
    "streams/core/keyring.py": "author:key",
    "streams/enforcement/connector.py": "a line of YAML",
    "streams/desk/sessions.py": "name:role",
    "streams/devserver/web.py": "user:password, RFC 7617",
    "streams/privacy/pseudonym.py": "host:port",
    "streams/schema/topics.py": "host:port",
}
"""Modules that part texts at a colon which is none of an entity's name, and what it is there."""
ENTITY_WORDS: Final = {"kind", "entity_kind", "behaviour"}
ENTITY_KINDS: Final = {*(kind.name for kind in LINK_KINDS), *get_args(Behaviour), "account"}


def parts_at_colon(node: ast.AST) -> bool:
    """Return whether a node takes a text apart at a colon: `.partition(":")`, `.split(":", 1)` and the like."""
    match node:
        case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=":"), *_]):
            return method in {"partition", "rpartition", "split", "rsplit"}
        case _:
            return False


def joins_with_colon(node: ast.AST) -> bool:
    """Return whether a node writes an entity's name: f"{kind}:{id}", f"account:{id}"."""
    if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant):
        return node.left.value in {f"{kind}:" for kind in ENTITY_KINDS}
    if not isinstance(node, ast.JoinedStr):
        return False
    for first, second in pairwise([ast.Constant(value=""), *node.values]):
        if not isinstance(second, ast.Constant) or not isinstance(second.value, str):
            continue
        words = {word.id for word in ast.walk(first) if isinstance(word, ast.Name)} | {
            word.attr for word in ast.walk(first) if isinstance(word, ast.Attribute)
        }
        if second.value == ":" and words & ENTITY_WORDS:
            return True
        if any(second.value == f"{kind}:" or second.value.endswith((f" {kind}:", f"/{kind}:")) for kind in ENTITY_KINDS):
            return second is not node.values[-1]
    return False


def colons(source: str) -> list[int]:
    """Return the lines of a module that write or take apart a name with a colon."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if parts_at_colon(node) or joins_with_colon(node)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "source",
    [
        'kind, _, name = key.partition(":")',
        'key.split(":", 1)[1]',
        'f"{kind}:{name}"',
        'f"{row.entity_kind}:{row.id}"',
        'f"account:{name}"',
    ],
)
def test_a_second_parser_or_writer_of_names_is_found(source: str) -> None:
    assert colons(source) == [1]


@pytest.mark.parametrize("source", ['f"{host}:{port}"', 'text.partition("=")', 'f"no such account: {name}"', 'f"kind: {kind}"'])
def test_a_colon_of_something_else_is_not_a_name(source: str) -> None:
    assert colons(source) == []


def test_names_of_entities_and_alerts_are_written_and_taken_apart_in_one_module() -> None:
    found = {}
    for path in sorted((ROOT / "streams").rglob("*.py")) + sorted((ROOT / "models").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name not in {NAMES, *OTHER_COLONS} and not name.startswith("streams/intake/formats/") and (at := colons(path.read_text())):
            found[name] = at
    assert not found, (
        f"modules and lines that write or part a name at a colon: if it names an entity or an alert, use {NAMES}; else list the module in "
        "OTHER_COLONS of tests/contracts/test_one_place.py, with what the colon parts"
    )
    assert all(colons((ROOT / name).read_text()) for name in OTHER_COLONS), "a module of OTHER_COLONS has no colon any more: drop it"


CONSUMERS: Final = {"KafkaConsumer": "streams/kafka/log_range.py", "AIOKafkaConsumer": "streams/intake/raw_topic.py"}
"""Where a consumer of a library is made, with the limits to what it fetches."""


def makes_a_consumer(source: str) -> set[str]:
    """Return the libraries' consumers that a module makes."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {call.id if isinstance(call, ast.Name) else call.attr for call in calls if isinstance(call, ast.Name | ast.Attribute)} & set(
        CONSUMERS
    )


def test_a_consumer_that_is_made_is_seen() -> None:
    assert makes_a_consumer("kafka.KafkaConsumer(a)\nAIOKafkaConsumer()") == {"KafkaConsumer", "AIOKafkaConsumer"}


def test_consumers_are_made_in_one_module_where_their_limits_are() -> None:
    paths = [path for path in sorted((ROOT / "streams").rglob("*.py")) if "streams/testing/" not in str(path)]
    made = {(name, str(path.relative_to(ROOT))) for path in paths for name in makes_a_consumer(path.read_text(encoding="utf-8"))}
    assert made == set(CONSUMERS.items())
