"""Columns for features that are computed from a block: gaps, templates, and hashes of several columns together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.recurring import Templates
from models.accumulators.step import Floats, Step
from streams.features.events import hash_word
from streams.schema.blocks import Block, Hashes

MIN_SHARING_ACCOUNTS = 3
"""Accounts from which a recurring shingle counts as a shared template, rather than as one account's own habit."""
MAX_TEMPLATE_SHARE = 0.05
"""Share of all prompts above which a shingle is too common to identify a template, if MIN_PUBLIC_PAYERS accounts have it."""
MIN_PUBLIC_PAYERS = 60
"""Accounts from which a common shingle does not identify a template."""

Mask = NDArray[np.bool_]

MIN_LONG_ANSWER_TOKENS = 300.0
"""Output tokens from which an answer is worth harvesting."""
MAX_TINY_ANSWER_TOKENS = 16.0
"""Output tokens up to which an answer is a grade."""
MIN_GRADED_INPUT_TOKENS = 400.0
"""Input tokens from which a prompt can contain a question and an answer to grade. Batch jobs that label short texts have fewer."""
MAX_ONE_TURN_MESSAGES = 2.0
"""Messages up to which a request is one question: with a system prompt before it."""
LULL_SECONDS = 1800.0
"""Silence after which an account's next request begins a new piece of work, also in an old conversation."""

_HASH_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


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
        hashes = (hashes ^ np.where(present, values.view(np.uint32), 0).astype(np.uint64)) * _HASH_MULTIPLIER
        known |= present
    for name in texts:
        codes = block.codes(name)
        words = np.array([*(hash_word(word) for word in block.words(name)), 0], np.uint64)
        hashes = (hashes ^ words[codes]) * _HASH_MULTIPLIER
        known |= codes >= 0
    return np.where(known, hashes | np.uint64(1), np.uint64(0))


def recurring(templates: Templates) -> Hashes:
    """Return each prompt's template, (rows,); 0 where no piece recurs, or where it is too common to identify a template."""
    return np.where(_public(templates.share, templates.payers), np.uint64(0), templates.template)


def pieces(templates: Templates) -> Hashes:
    """Return the recurring pieces of each prompt, (rows, 8); 0 for none, and for pieces too common to identify a template."""
    return np.where(_public(templates.piece_shares, templates.piece_payers), np.uint64(0), templates.pieces)


def _public(share: Floats, payers: Floats) -> Mask:
    public: Mask = (share > MAX_TEMPLATE_SHARE) & (payers >= MIN_PUBLIC_PAYERS)
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


def purposeful(block: Block) -> NDArray[np.float64]:
    """Return 1 where an answer is worth harvesting, else 0, (rows,); NaN where unknown.

    These are long or tiny answers to one question, and long steps of a run with tools: worked solutions, traces and grades. Most answers of
    applications have a length in between.

    >>> from streams.testing.feature_trial import block_of
    >>> purposeful(block_of({"message_count": 1, "output_tokens": [900, 100, None]})).tolist()
    [1.0, 0.0, nan]
    """
    output, messages = np.asarray(block.numbers("output_tokens"), np.float64), np.asarray(block.numbers("message_count"), np.float64)
    tools, given = np.nan_to_num(block.numbers("tool_count")), np.nan_to_num(block.numbers("input_tokens"))
    single = (messages <= MAX_ONE_TURN_MESSAGES) & (
        (output >= MIN_LONG_ANSWER_TOKENS) | ((output <= MAX_TINY_ANSWER_TOKENS) & (given >= MIN_GRADED_INPUT_TOKENS))
    )
    harvested = single | ((tools > 0) & (output >= MIN_LONG_ANSWER_TOKENS))
    return np.where(np.isnan(output) | (np.isnan(messages) & (tools == 0)), np.nan, harvested)


def begun(messages: Floats, gap: Floats) -> Mask:
    """Return which requests begin a piece of work: the first turn of a conversation, or the first request after a lull, (events,).

    A dispatcher deals out conversations, not requests: the turns of one come in clumps, also where the load is spread evenly.
    """
    return (messages <= MAX_ONE_TURN_MESSAGES) | ~(gap <= LULL_SECONDS)


def columns(
    block: Block, step: Step, templates: Templates, known_templates: Hashes, own: Hashes, context: Mapping[str, Floats]
) -> dict[str, NDArray[Any]]:
    """Return the derived columns of a block, each (events,), in step order.

    Args:
        block: Requests.
        step: Their order by entity and time.
        templates: Templates of the requests, in block order.
        known_templates: Templates that the groups stage announced as shared.
        own: Most frequent template of each event's account, (events,), in step order.
        context: Columns from other tables, by name, each (events,), in block order.
    """
    order = step.order
    shingles = block.hashes("shingles")[order]
    known = (shingles != 0).any(axis=1)
    is_own = (shingles == own[:, None]).any(axis=1) & (own != 0)  # also if another piece of the prompt recurs more often
    gap = step.gaps()
    begins, purpose = begun(np.asarray(block.numbers("message_count"), np.float64)[order], gap), purposeful(block)[order]
    several = shared(templates, known_templates)[order]
    return {
        "gap": gap,
        "begun": begins.astype(np.float64),
        "purposeful": purpose,
        "job": begins * np.nan_to_num(purpose),
        "harvested": np.where(known, several * purpose, np.nan),
        "templated": np.where(known, several.astype(np.float64), np.nan),
        "repeated": np.where(known, (templates.template[order] != 0).astype(np.float64), np.nan),
        "own_template": np.where(known, is_own.astype(np.float64), np.nan),
        "own_job": np.where(known, is_own * purpose, np.nan),
        "template_id": templates.template[order],
        "parameters": combined(block, ("temperature", "top_p", "max_tokens", "seeded", "streamed"), ())[order],
        "client_version": combined(block, (), ("sdk_language", "sdk_version", "sdk_runtime", "user_agent"))[order],
        **{name: values[order] for name, values in context.items()},
    }
