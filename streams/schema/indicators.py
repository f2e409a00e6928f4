"""Indicators that others shared: what they saw in a campaign, and we may look for. The file that `hydrometer indicators` keeps.

An indicator is a reason to look. It counts by itself for nobody, and it ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec

from streams.core.errors import HydrometerError
from streams.core.private_file import write_private
from streams.core.typed_json import read_json
from streams.schema.record import Record, Seconds

IndicatorKind = Literal["payment", "template", "router", "tls_ja4", "tls_ja3", "header_names", "user_agent"]
INDICATOR_KINDS: Final[tuple[IndicatorKind, ...]] = get_args(IndicatorKind)
"""`payment.hash` as logs write it, keyed sketch of a wording (16 hex digits), fingerprint of a stack (16 hex digits), JA4, JA3, header
names in order, user agent: what fewest strangers share comes first, and names a request that matches several."""
NO_INDICATOR: Final = "none"
"""What a request that was compared, and matches no indicator, has in its place."""
MAX_INDICATORS: Final = 100_000
MAX_VALUE_CHARACTERS: Final = 4096
_HASH: Final = re.compile(r"[0-9a-f]{16}")


class IndicatorsError(HydrometerError):
    """Indicators cannot be read or kept. The message names the file or the server, and what to do."""


class Indicator(Record, frozen=True):
    """One thing that others saw."""

    indicator_id: str
    """`ind-` and 12 hex digits, which follow from kind and value: the same indicator of two senders is one."""
    kind: IndicatorKind
    value: str
    source: str
    """Who shared it: a name in the document, else the file or the server."""
    name: str
    """What its sender calls it."""
    tlp: str
    """Its TLP mark, as in `AMBER`; empty where it has none."""
    valid_from: Seconds
    valid_until: Seconds
    """When it ends, seconds since 1970."""


def indicator_id(kind: IndicatorKind, value: str) -> str:
    """Return the id of an indicator.

    >>> indicator_id("tls_ja4", "t13d1516h2_8daaf6152771_02713d6af862")
    'ind-831412519b59'
    """
    return f"ind-{sha256(f'{kind}/{value}'.encode()).hexdigest()[:12]}"


def normal_value(kind: IndicatorKind, value: str) -> str | None:
    """Return a value as requests are compared with it; None for one that no request can have.

    >>> normal_value("router", "00AB00AB00AB00AB"), normal_value("router", "a router")
    ('00ab00ab00ab00ab', None)
    """
    text = value.strip()
    if kind in ("router", "template"):
        return text.lower() if _HASH.fullmatch(text.lower()) else None
    return text if 0 < len(text) <= MAX_VALUE_CHARACTERS else None


def read_indicators(path: Path) -> dict[str, Indicator]:
    """Return the indicators of a file by id; none of one that does not exist yet. Raises IndicatorsError."""
    try:
        kept = read_json(path.read_bytes(), list[Indicator])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise IndicatorsError(f"cannot read {path} ({type(error).__name__}): move it away, and import the indicators again") from error
    return {indicator.indicator_id: indicator for indicator in kept}


def write_indicators(path: Path, indicators: Mapping[str, Indicator]) -> None:
    """Replace the indicators of a file at once, readable by this user alone. Raises IndicatorsError."""
    if len(indicators) > MAX_INDICATORS:
        raise IndicatorsError(f"{len(indicators):,} indicators are more than {MAX_INDICATORS:,}: remove old ones first")
    ordered = [indicators[name] for name in sorted(indicators)]
    lines = ",\n".join(msgspec.json.encode(indicator).decode() for indicator in ordered)
    try:
        write_private(path, f"[{lines}]\n")
    except OSError as error:
        raise IndicatorsError(f"cannot write {path} ({error.strerror}): name another file in HYDROMETER_INDICATORS") from error


def in_force(indicators: Iterable[Indicator], at: float) -> list[Indicator]:
    """Return those that are valid at a time. at: seconds since 1970."""
    return [indicator for indicator in indicators if indicator.valid_from <= at < indicator.valid_until]
