"""The registry of detectors: every file in `models/detectors` is one, and a class with a `shadow_role` runs in shadow."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

from river import base

from models import detectors as package
from models.learning.shadow import ShadowDetector


def detectors() -> list[type[base.Estimator]]:
    """Return every detector class of `models/detectors`, by name."""
    classes: list[type[base.Estimator]] = []
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        classes += [kind for _, kind in members if kind.__module__ == module.name and issubclass(kind, base.Estimator)]
    return sorted(classes, key=lambda kind: kind.__name__)


def shadow_detectors(stage: str) -> list[type[ShadowDetector]]:
    """Return the detectors that run in shadow beside a stage, by name. stage: `accounts` or `groups`."""
    candidates: list[Any] = [kind for kind in detectors() if hasattr(kind, "shadow_role")]
    return [kind for kind in candidates if stage in kind.shadow_role.stages]
