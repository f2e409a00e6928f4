"""`hydrometer new-format`: a log format and its samples, with a contract that fails until the expected events are right."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final

from streams.cli.checkout import refuse_taken
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT

_FORMAT: Final = '''"""{title}: the origin of each canonical field in its log."""

from __future__ import annotations

from typing import Final

from streams.intake.formats.format import at, milliseconds, table

FORMAT: Final = table(
    name="{name}",
    title="{title} (name its kind of log here)",
    recognise=lambda entry: "{name}_version" in entry,
    fields={{
        "timestamp": at("began"),
        "event.id": at("call/id"),
        "account.id": at("caller/account", "caller/key"),
        "prompt": at("question"),
        "http.server.request.duration": at("took_ms", unit=milliseconds),
    }},
)
'''
_SAMPLE: Final = (
    '{{"{name}_version":1,"began":"2026-11-02T09:00:00Z","call":{{"id":"r-1"}},"caller":{{"account":"a-1"}},'
    '"question":"SECRET words of a caller","took_ms":250}}\n'
)
"""SECRET marks each text of a caller: the contract fails when it leaves by another field than `prompt` and `system_prompt`."""
_EXPECTED: Final = '[{{"say here":"which canonical events the line of {name}.jsonl is"}}]\n'


def new_format(name: str, root: Path = ROOT) -> list[Path]:
    """Write a format, a sample line and the event that is expected of it below `root`, a checkout, and return the three paths.

    The contract (`tests/contracts/test_formats.py`) finds them by itself and fails until the expected event is written.

    Raises:
        HydrometerError: Before anything is written: the name is not plain lower-case words or exists, or `root` is not a checkout.
    """
    samples = root / "tests" / "streams" / "intake" / "formats" / "samples"
    paths = [root / "streams" / "intake" / "formats" / f"{name}.py", samples / f"{name}.jsonl", samples / f"{name}.expected.jsonl"]
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise HydrometerError(f"{name!r} is not a name for a format: use lower-case words joined by underscores, as in our_gateway")
    refuse_taken(paths)
    for path, text in zip(paths, (_FORMAT, _SAMPLE, _EXPECTED), strict=True):
        path.write_text(text.format(name=name, title=name.replace("_", " ").capitalize()), encoding="utf-8")
    return paths
