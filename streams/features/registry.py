"""Which features there are."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from streams.features.declaration import Entity, Feature


@cache
def features(entity: Entity) -> tuple[type[Feature], ...]:
    """Return every feature of an entity found in `streams/features/`, by name."""
    package = importlib.import_module(f"streams.features.{entity}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    found = {cls.name(): cls for cls in Feature.__subclasses__() if cls.__module__.startswith("streams.features.") and cls.entity == entity}
    return tuple(found[name] for name in sorted(found))
