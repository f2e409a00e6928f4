"""Columns for features that are computed from a block: gaps, templates, and hashes of several columns together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.dialogue import SERVED_FLAG, Followed, Retakes, Turns, follow
from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.hashing import spread
from models.accumulators.pauses import Pauses
from models.accumulators.recurring import Templates
from models.arrays import Floats, Hashes, Mask
from streams.core.word_hash import hash_word
from streams.features.events import Retaken
from streams.schema.blocks import Block

MIN_SHARING_ACCOUNTS = 3
"""Accounts from which a recurring shingle counts as a shared template, rather than as one account's own habit."""
MAX_TEMPLATE_SHARE = 0.05
"""Share of all prompts above which a shingle is too common to identify a template, if MIN_PUBLIC_SHINGLE_PAYERS accounts have it."""
MIN_PUBLIC_SHINGLE_PAYERS = 60
"""Accounts from which a common shingle does not identify a template."""

LONG_ANSWER_TOKENS = (120.0, 300.0)
"""Output tokens of a piece of work below which nothing, and from which all of it, is worth harvesting; in between, by their logarithm."""
TOOL_ANSWER_TOKENS = (40.0, 110.0)
"""The same of a request with tools that nothing was served before: a call in a fixed schema is short."""
MAX_TINY_ANSWER_TOKENS = 16.0
"""Output tokens up to which an answer is a grade."""
MIN_GRADED_INPUT_TOKENS = 400.0
"""Input tokens from which a prompt can contain a question and an answer to grade. Batch jobs that label short texts have fewer."""
GRADED_INPUT_TOKENS = (150.0, MIN_GRADED_INPUT_TOKENS)
MIN_CACHED_SHARE = 0.5
"""Share of the input that was cached from which a history was served here, whoever's request it continues."""
_CACHED, _CACHED_HISTORY, _TOOLS, _SAMPLED = 2, 4, 8, 16
"""Marks of a request beside SERVED_FLAG: some of its input was cached, MIN_CACHED_SHARE of it was, it offers tools, it asks for token
probabilities or several answers."""
MIN_PURPOSE_SHARE = 0.25
"""Purpose from which a request votes on its account's template, and is in the sample of its prompts."""
MAX_ONE_TURN_MESSAGES = 2.0
"""Messages up to which a request is one question: with a system prompt before it."""
LULL_SECONDS = 1800.0
"""Silence after which an account's next request begins a new piece of work, also in an old conversation."""


def combined(block: Block, numbers: tuple[str, ...], texts: tuple[str, ...]) -> Hashes:
    """Return one hash of several columns together, (rows,); 0 where all of them are unknown.

    >>> from streams.testing.feature_trial import block_of
    >>> block = block_of({"temperature": [1.0, 1.0, None], "top_p": [0.5, 0.9, None]})
    >>> first, second, unknown = combined(block, ("temperature", "top_p"), ()).tolist()
    >>> first != second, unknown
    (True, 0)

    Args:
        block: Requests.
        numbers: Names of number columns.
        texts: Names of text columns.
    """
    hashes = np.zeros(len(block), np.uint64)
    known = np.zeros(len(block), np.bool_)
    for name in numbers:
        values = np.asarray(block.numbers(name), np.float32)
        present = ~np.isnan(values)
        hashes = spread(hashes ^ np.where(present, values.view(np.uint32), 0).astype(np.uint64))
        known |= present
    for name in texts:
        codes = block.codes(name)
        words = np.array([*(hash_word(word) for word in block.words(name)), 0], np.uint64)
        hashes = spread(hashes ^ words[codes])
        known |= codes >= 0
    return np.where(known, hashes | np.uint64(1), np.uint64(0))


def texts(block: Block) -> Hashes:
    """Return the pieces by which prompts show a template, (rows, 9), 0 for none: their shingles, and their system prompt as a whole.

    A shingle and a system prompt have the same hash by chance alone.
    """
    return np.column_stack([block.hashes("shingles"), block.hashes("system_template")])


def recurring(templates: Templates) -> Hashes:
    """Return each prompt's template, (rows,); 0 where no piece recurs, or where it is too common to identify a template."""
    return np.where(_public(templates.share, templates.payers), np.uint64(0), templates.template)


def pieces(templates: Templates) -> Hashes:
    """Return the recurring pieces of each prompt, (rows, 9); 0 for none, and for pieces too common to identify a template."""
    return np.where(_public(templates.piece_shares, templates.piece_payers), np.uint64(0), templates.pieces)


def _public(share: Floats, payers: Floats) -> Mask:
    public: Mask = (share > MAX_TEMPLATE_SHARE) & (payers >= MIN_PUBLIC_SHINGLE_PAYERS)
    return public


def shared(templates: Templates, known: Hashes) -> Mask:
    """Return which prompts have a template that several accounts share, (rows,).

    Args:
        templates: Templates of the prompts, as counted in this partition.
        known: Templates that the groups stage announced as shared over all partitions.
    """
    several = (templates.accounts >= MIN_SHARING_ACCOUNTS * 0.9) | np.isin(templates.template, known)
    mask: Mask = several & (recurring(templates) != 0)
    return mask


def followed(block: Block, grouped: GroupedEvents, past: Turns) -> Followed:
    """Return what each request continues. past: the newest requests of each account before, (entities, KEPT_REQUESTS)."""
    columns = ("message_count", "input_tokens", "output_tokens", "cached_tokens", "tool_count", "top_logprobs", "choice_count")
    messages, given, output, cached, tools, logprobs, choices = (_numbers(block, grouped, name) for name in columns)
    cached = np.nan_to_num(cached)
    marks = _CACHED_HISTORY * (cached >= MIN_CACHED_SHARE * np.nan_to_num(given, nan=np.inf)) + _CACHED * (cached > 0)
    marks = marks + _TOOLS * (np.nan_to_num(tools) > 0) + _SAMPLED * ((logprobs >= 1) | (choices > 1))
    conversation = block.hashes("conversation")[grouped.order].astype(np.uint32)
    return follow(grouped, past, Turns(conversation, {"messages": messages, "input": given, "output": output}, marks.astype(np.uint8)))


@dataclass(frozen=True)
class Judged:
    """What requests are for, (requests,)."""

    single: Floats
    """1 where a request is one question: it has no history, or one that was not served here; else 0. NaN where messages are not counted."""
    purpose: Floats
    """How much of a request is what is harvested, 0..1, NaN where unknown."""


def judged(numbers: Mapping[str, Floats], marks: NDArray[np.uint8], piece: Floats, before: Floats) -> Judged:
    """Judge requests by themselves and by what they continue.

    Long answers to one question are worked solutions and traces, tiny ones grades; applications mostly live in between. A request that
    only goes on adds what its piece of work gains. Who asks for token probabilities or several answers harvests those, and a request with
    tools counts where it is long, or where nothing was served before. What was cached was served.

    Four questions two hours apart: a worked solution, an answer of middling length, a grade of a long prompt, and a short answer:

    >>> from streams.testing.feature_trial import block_of, derived_columns
    >>> tokens = {"output_tokens": [600, 190, 5, 60], "input_tokens": [100, 100, 900, 100]}
    >>> block = block_of({"time": np.arange(4) * 7200.0, "message_count": [1] * 4, **tokens})
    >>> grouped = GroupedEvents.of(np.zeros(4, np.int64), np.arange(4) * 7200.0, np.full(1, -np.inf))
    >>> derived_columns(block, grouped, {})["purposeful"].round(2).tolist()
    [1.0, 0.5, 1.0, 0.0]

    Args:
        numbers: `messages`, `input` and `output` (tokens) of each, (requests,).
        marks: Marks of each, as `followed` sets them, (requests,).
        piece: Output tokens of the piece of work with each, (requests,).
        before: The same without it, (requests,).
    """
    messages, given, output = (numbers[name] for name in ("messages", "input", "output"))
    uses_tools = (marks & _TOOLS) > 0
    single = np.where(np.isnan(messages), np.nan, (messages <= MAX_ONE_TURN_MESSAGES) | ((marks & (SERVED_FLAG | _CACHED_HISTORY)) == 0))
    long = _graded(piece, LONG_ANSWER_TOKENS) - _graded(before, LONG_ANSWER_TOKENS)
    tiny = (output <= MAX_TINY_ANSWER_TOKENS) * _graded(np.nan_to_num(given), GRADED_INPUT_TOKENS)
    asked = np.maximum.reduce([long, tiny, (marks & _SAMPLED) > 0, uses_tools * _graded(output, TOOL_ANSWER_TOKENS)])
    harvested = np.where(single > 0, asked, np.where(before > 0, long, uses_tools * (output >= LONG_ANSWER_TOKENS[1])))
    return Judged(single, np.where(np.isnan(output) | (np.isnan(single) & ~uses_tools), np.nan, harvested))


def judged_now(followed: Followed) -> Judged:
    """Judge the requests of a block, in slot order."""
    return judged(followed.numbers, followed.marks, followed.piece, followed.before)


def _graded(tokens: Floats, limits: tuple[float, float]) -> Floats:
    """Return 0 up to the lower limit, 1 from the upper one, and in between the share of the way that the logarithm has gone.

    >>> _graded(np.array([60.0, 120.0, 300.0]), (30.0, 120.0)).tolist()
    [0.5, 1.0, 1.0]
    """
    low, high = limits
    grade: Floats = np.clip(np.log(np.maximum(tokens, 1.0) / low) / np.log(high / low), 0.0, 1.0)
    return grade


def _numbers(block: Block, grouped: GroupedEvents, name: str) -> Floats:
    return np.asarray(block.numbers(name), np.float64)[grouped.order]


def retaken(paused: Pauses, retakes: Retakes | None) -> list[Retaken]:
    """Return the earlier requests that end another pause than was counted, and those that continue a request that came after them."""
    columns = []
    if len(paused.entity):
        columns.append(Retaken(paused.entity, paused.times, {"gap": paused.before}, {"gap": paused.after}))
    if retakes is not None:
        numbers, marks = retakes.numbers, retakes.marks
        cached = ((marks & _CACHED) > 0).astype(np.float64)
        before = judged(numbers, marks, numbers["piece"], numbers["piece"] - numbers["output"])
        now = judged(numbers, retakes.marks_now, retakes.piece, retakes.piece - numbers["output"])
        old, new = ({"fresh": each.single, "purposeful": each.purpose, "cached_tokens": cached} for each in (before, now))
        columns.append(Retaken(retakes.entity, numbers["at"].astype(np.float64), old, new))
    return columns


def begun(single: Floats, gap: Floats) -> Mask:
    """Return which requests begin a piece of work: one question (`Judged`), or the first request after a lull, (events,).

    A dispatcher deals out conversations, not requests: the turns of one come in clumps, also where the load is spread evenly.
    """
    return (single > 0) | ~(gap <= LULL_SECONDS)


@dataclass(frozen=True)
class EventFacts:
    """What is known of each event beside the block, (events,), in slot order."""

    is_single_question: Floats
    """See `Judged`."""
    purpose: Floats
    """See `Judged`."""
    template: Hashes
    """The template that its account uses most."""
    gap: Floats
    """Seconds since the account's request before, NaN where unknown."""


def columns(
    block: Block, grouped: GroupedEvents, templates: Templates, known_templates: Hashes, facts: EventFacts, context: Mapping[str, Floats]
) -> dict[str, NDArray[Any]]:
    """Return the derived columns of a block, each (events,), in slot order.

    Args:
        block: Requests.
        grouped: Their order by entity and time.
        templates: Templates of the requests, in block order.
        known_templates: Templates that the groups stage announced as shared.
        facts: What is known of each event beside the block.
        context: Columns from other tables, by name, each (events,), in block order.
    """
    order = grouped.order
    parts = texts(block)[order]
    known = (parts != 0).any(axis=1)
    shows = (parts == facts.template[:, None]).any(axis=1) & (facts.template != 0)  # also where another piece recurs more often
    begins, purpose = begun(facts.is_single_question, facts.gap), facts.purpose
    several = shared(templates, known_templates)[order]
    return {
        "gap": facts.gap,
        "fresh": facts.is_single_question,
        "begun": begins.astype(np.float64),
        "purposeful": purpose,
        "job": begins * np.nan_to_num(purpose),
        "harvested": np.where(known, several * purpose, np.nan),
        "templated": np.where(known, several.astype(np.float64), np.nan),
        "repeated": np.where(known, (templates.template[order] != 0).astype(np.float64), np.nan),
        "own_template": np.where(known, shows.astype(np.float64), np.nan),
        "own_job": np.where(known, shows * purpose, np.nan),
        "template_id": templates.template[order],
        "parameters": combined(block, ("temperature", "top_p", "max_tokens", "seeded", "streamed"), ())[order],
        "client_version": combined(block, (), ("sdk_language", "sdk_version", "sdk_runtime", "user_agent"))[order],
        **{name: values[order] for name, values in context.items()},
    }
