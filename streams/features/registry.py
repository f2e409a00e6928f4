"""Which features there are: every class found in `streams/features/account/` and `group/`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import get_args

from streams.features.declaration import Entity, Feature


@cache
def features(entity: Entity) -> tuple[type[Feature], ...]:
    """Return every feature of an entity, by name."""
    package = importlib.import_module(f"streams.features.{entity}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    ours = {cls.name(): cls for cls in Feature.__subclasses__() if cls.__module__.startswith(f"{package.__name__}.")}
    return tuple(ours[name] for name in sorted(ours))


@cache
def by_name() -> dict[str, type[Feature]]:
    """Return every feature of every entity by its name."""
    return {feature.name(): feature for entity in get_args(Entity) for feature in features(entity)}
