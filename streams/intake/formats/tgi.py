"""Text Generation Inference's router log. It has no account: it is recognised only to be refused with advice."""

from __future__ import annotations

from typing import Final, NoReturn

from streams.core.errors import MalformedEventError
from streams.intake.formats.format import Entry, Format


def _recognise(entry: Entry) -> bool:
    return str(entry.get("target", "")).startswith("text_generation_router")


def _to_canonical(_entry: Entry) -> NoReturn:
    raise MalformedEventError("missing_field", "account.id is missing: TGI's log has no account; log at the gateway in front of it")


FORMAT: Final = Format(
    "tgi", "Text Generation Inference (router log: refused, it names no account)", _recognise, _to_canonical, readable=False
)
