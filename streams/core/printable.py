"""Untrusted text on a terminal: characters that move the cursor, or hide or reverse other text, are shown as their code."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNPRINTABLE: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
_KEPT: Final = frozenset("\n\t")


def printable(text: str) -> str:
    r"""Return a text with every control, format, direction and surrogate character as `\uXXXX`, which JSON reads back as the same.

    >>> printable("a\x1b[2Jb\u202e")
    'a\\u001b[2Jb\\u202e'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _code(character) if character not in _KEPT and unicodedata.category(character) in _UNPRINTABLE else character for character in text
    )


def _code(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[start : start + 2].hex()}" for start in range(0, len(units), 2))
