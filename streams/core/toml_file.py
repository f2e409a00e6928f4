"""TOML files that people write: read as tables, or refused in one line, whatever is in them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from streams.core.errors import SettingsError

MAX_TOML_DEPTH_LEVELS: Final = 16
"""Tables and arrays within each other: ours have three."""


Toml = dict[str, Any]
"""A table as a person wrote it: whoever reads a value checks its type."""


def read_toml(path: Path, advice: str) -> Toml:
    """Return the tables of a file. Raises SettingsError when it cannot be opened (`advice` says what to do) or is no TOML."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}: {advice}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}: fix the line it names") from error
    except RecursionError:
        raise _too_deep(path) from None
    level: list[Any] = [content]
    for _ in range(MAX_TOML_DEPTH_LEVELS):
        inside = [list(each.values()) if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [value for values in inside for value in values]
    if level:
        raise _too_deep(path)
    return content


def _too_deep(path: Path) -> SettingsError:
    return SettingsError(f"{path} nests tables or arrays deeper than {MAX_TOML_DEPTH_LEVELS} levels: write it flat")
