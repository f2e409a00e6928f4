"""`hydrometer new-feature`: the three files of a new feature, with a test that fails until it says what holds."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final, get_args

from streams.core.errors import HydrometerError
from streams.features.declaration import Entity, Family

ROOT: Final = Path(__file__).resolve().parents[2]
FAMILIES: Final[tuple[str, ...]] = get_args(Family)
ENTITIES: Final[tuple[str, ...]] = get_args(Entity)

_FEATURE: Final = '''"""Feature `{name}`."""

from __future__ import annotations

{imports}
{said}

class {cls}(Feature):
    """What this measures, in one line.

    Rises on: the behaviour that raises it. Blind to: what it cannot see.
    """

    entity = "{entity}"
    family = "{family}"
    direction = "high"
    limits = (0.0, 1.0)
{value}'''

_ACCOUNT: Final = """    value = share(col.output_tokens >= LEAST)
"""
_SAID: Final = {
    "account": '''
# `col` has REQUESTS of streams/schema/blocks.py and columns() of streams/features/derived.py.
LEAST = 100.0
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
    "account": "from streams.features.declaration import Feature, col, share",
    "group": "from streams.features.declaration import Feature\nfrom streams.features.members import Members",
}

_TEST: Final = """from __future__ import annotations

from streams.features.{entity}.{name} import {cls}
from streams.testing.feature_trial import {entity}


def test_one_sentence_that_says_what_holds() -> None:
    assert {entity}({cls}, {columns}) == -1, "say here what {name} is for numbers a reader can do in the head"
"""
_COLUMNS: Final = {"account": "output_tokens=[0, 100]", "group": "total=[1, 2]"}

_PANEL: Final = '''"""Panel of the feature `{name}`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.{entity}.{name} import {cls}

panel = FeaturePanel({cls}, title="{title}")
'''


def new_feature(name: str, entity: str, family: str = "content", root: Path = ROOT) -> list[Path]:
    """Write a feature, its failing test and its panel below `root`, a checkout, and return the three paths.

    Raises HydrometerError, before anything is written, for a name that is no plain lower-case word or exists, for an unknown entity or
    family, and outside a checkout.
    """
    paths = _paths(name, entity, root)
    _refuse(name, entity, family, paths)
    cls = "".join(part.capitalize() for part in name.split("_"))
    words = {"name": name, "cls": cls, "entity": entity, "family": family, "title": name.replace("_", " ").capitalize()}
    texts = (
        _FEATURE.format(**words, imports=_IMPORTS[entity], said=_SAID[entity], value=_ACCOUNT if entity == "account" else _GROUP),
        _TEST.format(**words, columns=_COLUMNS[entity]),
        _PANEL.format(**words),
    )
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def _paths(name: str, entity: str, root: Path) -> list[Path]:
    return [
        root / "streams" / "features" / entity / f"{name}.py",
        root / "tests" / "streams" / "features" / entity / f"test_{name}.py",
        root / "dashboards" / "panels" / f"{name}.py",
    ]


def _refuse(name: str, entity: str, family: str, paths: list[Path]) -> None:
    # a digit after an underscore would be lost on the way from the class's name back to the feature's
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", name) or keyword.iskeyword(name):
        raise HydrometerError(f"{name!r} is no name for a feature: use lower-case words joined by underscores, as in long_pauses")
    if entity not in ENTITIES:
        raise HydrometerError(f"unknown entity {entity!r}: choose one of {', '.join(ENTITIES)}")
    if family not in FAMILIES:
        raise HydrometerError(f"unknown family {family!r}: choose one of {', '.join(FAMILIES)}")
    for path in paths:
        if path.exists():
            raise HydrometerError(f"{path} exists: choose another name, or edit it")
        if not path.parent.is_dir():
            raise HydrometerError(f"{path.parent} is missing: run this in a checkout of the repository")
