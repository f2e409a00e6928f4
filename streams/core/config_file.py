"""Settings in a file: `/etc/hydrometer/hydrometer.toml`, or what `HYDROMETER_CONFIG` names. A variable goes before it.

    kafka = "broker-1:9092,broker-2:9092"
    partitions = 12
    sketch_key_file = "/etc/hydrometer/secrets/sketch_key"

Names are those of the variables, small and without their prefix. A secret itself is refused there: a file is copied, shown and committed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from streams.core.errors import SettingsError

VARIABLE: Final = "HYDROMETER_CONFIG"
USUAL_PATH: Final = Path("/etc/hydrometer/hydrometer.toml")


def with_file(env: Mapping[str, str], prefix: str, secrets: frozenset[str]) -> dict[str, str]:
    """Return an environment with what the configuration file adds to it: a variable for each key whose variable is not set.

    The usual file is left out in local mode, which is for trying things out.

    Args:
        env: The variables of the process.
        prefix: Of our variables.
        secrets: Fields that the file may only name a file of (`sketch_key_file`).

    Raises:
        SettingsError: The file cannot be read, is no TOML, nests, or holds a secret.
    """
    named = env.get(VARIABLE)
    if not named and (env.get(f"{prefix}MODE") == "local" or not USUAL_PATH.exists()):
        return dict(env)
    path = Path(named) if named else USUAL_PATH
    added = {f"{prefix}{key.upper()}": text for key, text in _read(path, secrets).items()}
    given = {name.removesuffix("_FILE") for name, value in env.items() if value}
    return {name: text for name, text in added.items() if name.removesuffix("_FILE") not in given} | dict(env)


def _read(path: Path, secrets: frozenset[str]) -> dict[str, str]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {path} ({error.strerror}): check {VARIABLE}, the path and its permissions") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is no TOML ({error}): write one setting a line, as in: partitions = 12") from error
    for key, value in content.items():
        if key in secrets:
            raise SettingsError(f"{path} holds the secret {key}: put it into a file of its own, and name that: {key}_file = ...")
        if not isinstance(value, str | int | float):
            raise SettingsError(f"{path}: {key} is not one value: write one setting a line, as in: partitions = 12")
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in content.items()}
