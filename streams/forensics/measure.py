"""What a measure is, and where measures are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from streams.forensics import measures as folder
from streams.forensics.inference import Contrast
from streams.forensics.panel import Cube, Panel

Need = Literal["answers", "options", "harvested topics"]


@dataclass(frozen=True)
class Measure:
    """A way to compare two models' answers, item by item.

    `similarity` returns a cube (items, models, models), symmetric, whose mean over items is the statistic.
    """

    title: str
    needs: Need
    similarity: Callable[[Panel], Cube]
    shows: str
    """What a high value shows, in one sentence for a committee."""
    cannot_show: str
    """What else makes it high."""
    contrast: Callable[[Panel, Cube], Contrast] | None = None
    """Marked items are compared with matched others; None compares nothing within the items."""
    name: str = ""
    """The file's, set by `all_measures`."""


def missing_input(measure: Measure, panel: Panel) -> str | None:
    """Return what a measure lacks in this panel, or None."""
    if measure.needs == "options":
        return None if panel.chosen is not None else "a table of chosen options (--table)"
    if panel.texts is None:
        return "written answers (--controls FOLDER)"
    if measure.needs == "harvested topics" and (panel.harvested is None or panel.harvested.all()):
        return "harvested topics and others to compare with (--prompts with topics, --harvested)"
    return None


def all_measures() -> dict[str, Measure]:
    """Return the measure of every file in `measures`, by the file's name, sorted."""
    names: Final = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    found = {name: importlib.import_module(f"{folder.__name__}.{name}").MEASURE for name in names}
    return {name: replace(each, name=name) for name, each in found.items()}
