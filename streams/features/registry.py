"""The registry of features: those of `streams/features/account/` and `group/`, and those of installed packages.

A package declares its features in its metadata, under the entry-point group `hydrometer.features`, each under its own name:

    [project.entry-points."hydrometer.features"]
    tools_offered = "tools_offered:ToolsOffered"

`examples/custom_feature/` is such a package.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, get_args

from models.evidence.families import FAMILIES
from streams.core.errors import HydrometerError
from streams.features.declaration import Direction, Entity, Feature

FEATURE_ENTRY_POINTS: Final = "hydrometer.features"
_FIELDS: Final = ("entity", "family", "direction", "limits", "label", "unit", "rises_on", "blind_to", "value")
_CHOICES: Final = {"entity": get_args(Entity), "family": FAMILIES, "direction": get_args(Direction)}


class FeatureLoadError(HydrometerError):
    """A feature of an installed package cannot be used. The process does not start: without the feature, scores would differ."""


@cache
def features(entity: Entity) -> tuple[type[Feature], ...]:
    """Return every feature of an entity, by name.

    Raises:
        FeatureLoadError: A feature of an installed package cannot be used.
    """
    package = importlib.import_module(f"streams.features.{entity}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    built_in = {cls.name(): cls for cls in Feature.__subclasses__() if cls.__module__.startswith(f"{package.__name__}.")}
    installed = {name: cls for name, cls in loaded(entry_points(group=FEATURE_ENTRY_POINTS)).items() if cls.entity == entity}
    if taken := built_in.keys() & installed.keys():
        raise FeatureLoadError(f"feature {min(taken)} of an installed package exists here already: rename its class and its entry point")
    return tuple(feature for _, feature in sorted((built_in | installed).items()))


@cache
def by_name() -> dict[str, type[Feature]]:
    """Return every feature of every entity by its name.

    Raises:
        FeatureLoadError: A feature of an installed package cannot be used, or two features have one name.
    """
    known = [feature for entity in get_args(Entity) for feature in features(entity)]
    named = {feature.name(): feature for feature in known}
    if len(named) < len(known):
        twice = next(feature.name() for feature in known if named[feature.name()] is not feature)
        raise FeatureLoadError(f"feature {twice} is declared for accounts and for groups: rename the one of the installed package")
    return named


def loaded(points: Iterable[EntryPoint]) -> dict[str, type[Feature]]:
    """Return the features behind some entry points, by name.

    Raises:
        FeatureLoadError: One cannot be imported, is not a feature, lacks a field, or is called otherwise than its entry point.
    """
    return {point.name: _load(point) for point in points}


def _load(point: EntryPoint) -> type[Feature]:
    subject = f"feature {point.name} ({point.value}{f' of {point.dist.name}' if point.dist else ''})"
    try:
        feature = point.load()
    except (ImportError, AttributeError, NameError, SyntaxError, TypeError, ValueError) as error:
        raise FeatureLoadError(f"{subject} cannot be loaded ({error}): mend or uninstall the package") from error
    if not (isinstance(feature, type) and issubclass(feature, Feature)):
        raise FeatureLoadError(f"{subject} is not a Feature: name a subclass of streams.features.declaration.Feature")
    if missing := [field for field in _FIELDS if not hasattr(feature, field)]:
        raise FeatureLoadError(f"{subject} does not declare {', '.join(missing)}: see streams/features/declaration.py")
    for field, choices in _CHOICES.items():
        if getattr(feature, field) not in choices:
            raise FeatureLoadError(f"{subject} has {field} {getattr(feature, field)!r}: choose one of {', '.join(choices)}")
    if feature.name() != point.name:
        raise FeatureLoadError(f"{subject} is called {feature.name()}, after its class: name the entry point {feature.name()}")
    return feature
