"""`make audit`: does a known advisory apply to what the lock installs?

One question to OSV (https://google.github.io/osv.dev/post-v1-querybatch), whose database holds PyPI's advisories. An advisory ends the
audit with exit code 1. When OSV cannot be reached, nothing was audited: that is said, and is no failure (with STRICT=1 it is). An advisory
that does not concern us is named in `ACCEPTED` with a reason and a date on which somebody looks again.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
LOCKS: Final = ("requirements.lock", "requirements-dev.lock")
DATABASE: Final = "https://api.osv.dev/v1/querybatch"
TIMEOUT_SECONDS: Final = 30
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class Accepted(NamedTuple):
    """Why an advisory does not concern us, and until when that is believed."""

    reason: str
    until: date


ACCEPTED: Final[Mapping[str, Accepted]] = {}
"""By the advisory's id."""


class UnreachableError(Exception):
    """The database did not answer, or not with what it promises."""


def pins(text: str) -> list[tuple[str, str]]:
    """Return name and version of everything that a lock pins.

    >>> pins("one==1.0 \\\\\\n    --hash=sha256:0\\ntwo[extra]==2.1 ; python_version < '4'\\n")
    [('one', '1.0'), ('two', '2.1')]
    """
    return _PIN.findall(text)


def advisories(found: Sequence[tuple[str, str]], database: str = DATABASE) -> dict[tuple[str, str], list[str]]:
    """Return the ids of the advisories that apply, by package and version. Raises UnreachableError."""
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in found]
    request = urllib.request.Request(database, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            results: list[Any] = json.load(answer)["results"]
        told = [[str(each["id"]) for each in result.get("vulns", [])] for result in results]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreachableError(f"{database} ({type(error).__name__})") from error
    if len(told) != len(found):
        raise UnreachableError(f"{database} answered {len(told)} of {len(found)} questions")
    return {pin: ids for pin, ids in zip(found, told, strict=True) if ids}


def main(today: date | None = None) -> int:
    """Audit the locks, and print what applies. Returns the exit code."""
    found = sorted({pin for lock in LOCKS for pin in pins((ROOT / lock).read_text())})
    try:
        known = advisories(found, os.environ.get("OSV_URL", DATABASE))
    except UnreachableError as error:
        print(f"NOT AUDITED: the database of advisories cannot be reached: {error}; {len(found)} packages remain unchecked")
        return 1 if os.environ.get("STRICT") else 0
    open_ones = 0
    for (name, version), ids in known.items():
        for advisory in ids:
            accepted = ACCEPTED.get(advisory)
            if accepted and (today or date.today()) <= accepted.until:  # noqa: DTZ011  (a day more or less is no matter)
                print(f"accepted  {name} {version}: {advisory} until {accepted.until}: {accepted.reason}")
                continue
            open_ones += 1
            print(f"ADVISORY  {name} {version}: https://osv.dev/{advisory}")
    print(f"{len(found)} packages of the locks, {open_ones} advisories apply")
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
