"""`hydrometer new-feature`: the two files of a new feature, with a test that fails until it is completed."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final, get_args

from models.evidence.families import FAMILIES
from streams.cli.checkout import refuse_taken
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT
from streams.features.declaration import Entity

ENTITIES: Final[tuple[str, ...]] = get_args(Entity)

_FEATURE: Final = '''"""Feature `{name}`."""

from __future__ import annotations

{imports}
{constants}

class {cls}(Feature):
    """What this measures, in one line, for developers."""

    entity = "{entity}"
    family = "{family}"
    direction = "high"
    limits = (0.0, 1.0)
    label = "{title}"
    unit = SHARE
    rises_on = "attacks that make it high"
    blind_to = "attacks that it does not show"
    benign_causes = "benign traffic that makes it high too"
{value}'''

_ACCOUNT: Final = """    value = share(col.output_tokens >= MIN_TOKENS)
"""
_CONSTANTS: Final = {
    "account": '''
# `col` has the columns REQUESTS of streams/schema/layouts.py and columns() of streams/features/derived.py.
MIN_TOKENS = 100.0
"""Output tokens from which ... Name every number: `ruff` asks for it."""
''',
    "group": "",
}
_GROUP: Final = '''
    @staticmethod
    def value(members: Members) -> float:
        """Return the value, finite for any members."""
        return float(len(members) > 1)
'''
_IMPORTS: Final = {
    "account": """from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share""",
    "group": """from streams.features.declaration import SHARE, Feature
from streams.features.members import Members""",
}

_TEST: Final = """from __future__ import annotations

from streams.features.{entity}.{name} import {cls}
from streams.testing.feature_trial import {entity}


def test_one_sentence_that_says_what_holds() -> None:
    assert {entity}({cls}, {columns}) == -1, "say here what {name} is for numbers a reader can do in the head"
"""
_COLUMNS: Final = {"account": "output_tokens=[0, 100]", "group": "total=[1, 2]"}


def new_feature(name: str, entity: str, family: str = "content", root: Path = ROOT) -> list[Path]:
    """Write a feature and its failing test.

    Args:
        name: The feature's name: lower-case words joined by underscores.
        entity: What it measures: `account` or `group`.
        family: The family of evidence in which it votes.
        root: A checkout of the repository.

    Returns:
        The paths of the two files.

    Raises:
        HydrometerError: The name is not a plain lower-case word or exists, the entity or family is unknown, or `root` is not a checkout;
            nothing is written.
    """
    paths = _paths(name, entity, root)
    _refuse(name, entity, family, paths)
    cls = "".join(part.capitalize() for part in name.split("_"))
    words = {"name": name, "cls": cls, "entity": entity, "family": family, "title": name.replace("_", " ").capitalize()}
    texts = (
        _FEATURE.format(**words, imports=_IMPORTS[entity], constants=_CONSTANTS[entity], value=_ACCOUNT if entity == "account" else _GROUP),
        _TEST.format(**words, columns=_COLUMNS[entity]),
    )
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def _paths(name: str, entity: str, root: Path) -> list[Path]:
    return [
        root / "streams" / "features" / entity / f"{name}.py",
        root / "tests" / "streams" / "features" / entity / f"test_{name}.py",
    ]


def _refuse(name: str, entity: str, family: str, paths: list[Path]) -> None:
    # a digit after an underscore would be lost on the way from the class's name back to the feature's
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", name) or keyword.iskeyword(name):
        raise HydrometerError(f"{name!r} is not a name for a feature: use lower-case words joined by underscores, as in long_pauses")
    if entity not in ENTITIES:
        raise HydrometerError(f"unknown entity {entity!r}: choose one of {', '.join(ENTITIES)}")
    if family not in FAMILIES:
        raise HydrometerError(f"unknown family {family!r}: choose one of {', '.join(FAMILIES)}")
    refuse_taken(paths)
