"""Caches of functions of strangers' words, bounded in bytes: what is long is computed anew each time instead of being kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, Final, ParamSpec, TypeVar

MAX_WORD_CHARACTERS: Final = 256
"""Of all words of a call. At most four bytes each: 65,536 calls keep 64 MiB of words."""

P = ParamSpec("P")
R = TypeVar("R")


def remembered(calls: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps the results of so many calls with short words; the least recently used go first.

    >>> @remembered(calls=2)
    ... def upper(word):
    ...     return word.upper()
    >>> upper("a"), upper("b" * 1_000)[:2], upper.cache_info().currsize
    ('A', 'BB', 1)
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        cached: Any = lru_cache(maxsize=calls)(function)
        plain: Any = function

        def of_one(word: Any) -> R:
            long = len(word) > MAX_WORD_CHARACTERS if type(word) is str else type(word) is tuple and _characters(word) > MAX_WORD_CHARACTERS
            result: R = plain(word) if long else cached(word)
            return result

        def of_several(*words: Any, **named: Any) -> R:
            long = _characters((*words, *named.values())) > MAX_WORD_CHARACTERS
            result: R = plain(*words, **named) if long else cached(*words, **named)
            return result

        call: Any = wraps(function)(of_one if len(signature(function).parameters) == 1 else of_several)
        call.cache_info = cached.cache_info
        kept: Callable[P, R] = call
        return kept

    return decorate


def _characters(words: tuple[object, ...]) -> int:
    """Return how long some words are together, those within tuples included."""
    total = 0
    for word in words:
        if type(word) is str:
            total += len(word)
        elif type(word) is tuple:
            total += len(word) + _characters(word)
    return total
