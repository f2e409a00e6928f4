"""vLLM's access and request logs. They have no account: they are recognised only to be refused with advice."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from streams.core.errors import MalformedEventError
from streams.intake.formats.format import TEXT_LINE, Entry, Format

_LINE: Final = re.compile(r'INFO.{0,80}("(POST|GET) /v1/\S+ HTTP/|Received request \S+: prompt)')


def _recognise(entry: Entry) -> bool:
    line = entry.get(TEXT_LINE)
    return isinstance(line, str) and _LINE.search(line[:400]) is not None


def _to_canonical(_entry: Entry) -> NoReturn:
    raise MalformedEventError("missing_field", "account.id is missing: vLLM's log has no account; log at the gateway in front of it")


FORMAT: Final = Format("vllm", "vLLM (access log: refused, it names no account)", _recognise, _to_canonical, readable=False)
