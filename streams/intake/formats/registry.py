"""Which formats there are, and which one an object is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from streams.core.errors import SettingsError
from streams.intake.formats import canonical, envoy, litellm

AUTO: Final = "auto"
"""Recognise the format of each line."""

Translate = Callable[[dict[str, Any]], dict[str, Any]]


class Format(NamedTuple):
    """A format: its name, how to know it, and how to translate it to canonical names."""

    name: str
    recognise: Callable[[dict[str, Any]], bool]
    to_canonical: Translate


FORMATS: Final = tuple(Format(each.NAME, each.recognise, each.to_canonical) for each in (canonical, litellm, envoy))
NAMES: Final = (AUTO, *(each.name for each in FORMATS))


def translator(name: str) -> Translate:
    """Return the function from an object of this format, or of a recognised one, to a canonical event.

    Raises SettingsError for a name that is no format.
    """
    if name == AUTO:
        return _recognised
    for each in FORMATS:
        if each.name == name:
            return each.to_canonical
    message = f"unknown log format {name!r}: use one of {', '.join(NAMES)}"
    raise SettingsError(message)


def _recognised(found: dict[str, Any]) -> dict[str, Any]:
    """Translate an object; one that no format knows is read as canonical, so that the refusal names what is missing."""
    for each in FORMATS:
        if each.recognise(found):
            return each.to_canonical(found)
    return found
