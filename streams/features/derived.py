"""Columns that a block does not carry and features ask for: gaps, templates, and hashes of several columns together."""

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
"""Accounts from which a recurring shingle counts as a shared template, and no longer as one account's own habit."""
MAX_TEMPLATE_SHARE = 0.05
MIN_PUBLIC_ACCOUNTS = 60
"""A shingle in more than this share of all prompts, and from this many accounts, is too common to identify a template."""

Mask = NDArray[np.bool_]

MIN_LONG_ANSWER_TOKENS = 300.0
MAX_TINY_ANSWER_TOKENS = 16.0
"""Output tokens from which an answer is worth harvesting, and up to which it is a grade."""
MIN_GRADED_INPUT_TOKENS = 400.0
"""Input tokens from which there is something to grade: a question and an answer. Batch jobs that label short texts give less."""
MAX_ONE_TURN_MESSAGES = 2.0
LULL_SECONDS = 1800.0
"""Seconds of silence after which an account's next request begins something new, whatever history it carries."""

_PRIME = np.uint64(0x9E3779B97F4A7C15)


def combined(block: Block, numbers: tuple[str, ...], texts: tuple[str, ...]) -> Hashes:
    """Return one hash of several columns together, shape (rows,); 0 where none of them is known."""
    found = np.zeros(len(block), np.uint64)
    known = np.zeros(len(block), np.bool_)
    for name in numbers:
        values = np.asarray(block.numbers(name), np.float32)
        present = ~np.isnan(values)
        found = (found ^ np.where(present, values.view(np.uint32), 0).astype(np.uint64)) * _PRIME
        known |= present
    for name in texts:
        codes = block.codes(name)
        words = np.array([*(hash_word(word) for word in block.words(name)), 0], np.uint64)
        found = (found ^ words[codes]) * _PRIME
        known |= codes >= 0
    return np.where(known, found | np.uint64(1), np.uint64(0))


def recurring(templates: Templates) -> Hashes:
    """Return each prompt's template where it recurs and is nobody's turn of phrase, else 0: one account's habit may be a group's too."""
    return np.where(_public(templates.share, templates.accounts), np.uint64(0), templates.template)


def pieces(templates: Templates) -> Hashes:
    """Return what recurs in each prompt and is nobody's turn of phrase, (rows, 8), else 0."""
    return np.where(_public(templates.piece_shares, templates.piece_accounts), np.uint64(0), templates.pieces)


def _public(share: Floats, accounts: Floats) -> Mask:
    public: Mask = (share > MAX_TEMPLATE_SHARE) & (accounts >= MIN_PUBLIC_ACCOUNTS)
    return public


def shared(templates: Templates, known: Hashes) -> Mask:
    """Return which prompts show a template that several accounts share: here, or, as the groups said, over all partitions (`known`)."""
    several = (templates.accounts >= MIN_SHARING_ACCOUNTS * 0.9) | np.isin(templates.template, known)
    mask: Mask = several & (recurring(templates) != 0)
    return mask


def purposeful(block: Block) -> NDArray[np.float64]:
    """Return 1 where a request gets what is harvested: a long or tiny answer to one question, or a long step of a run with tools; else 0.

    Shape (rows,), NaN where unknown. Long are worked solutions and traces, tiny are grades; applications mostly live in between.
    """
    output, messages = np.asarray(block.numbers("output_tokens"), np.float64), np.asarray(block.numbers("message_count"), np.float64)
    tools, given = np.nan_to_num(block.numbers("tool_count")), np.nan_to_num(block.numbers("input_tokens"))
    single = (messages <= MAX_ONE_TURN_MESSAGES) & (
        (output >= MIN_LONG_ANSWER_TOKENS) | ((output <= MAX_TINY_ANSWER_TOKENS) & (given >= MIN_GRADED_INPUT_TOKENS))
    )
    found = single | ((tools > 0) & (output >= MIN_LONG_ANSWER_TOKENS))
    return np.where(np.isnan(output) | (np.isnan(messages) & (tools == 0)), np.nan, found)


def begun(messages: Floats, gap: Floats) -> Mask:
    """Return which requests begin a piece of work: the first turn of a conversation, or the first request after a lull, (events,).

    A dispatcher deals out conversations, not requests: the turns of one come in clumps, also where the load is spread evenly.
    """
    return (messages <= MAX_ONE_TURN_MESSAGES) | ~(gap <= LULL_SECONDS)


def columns(
    block: Block, step: Step, templates: Templates, known_templates: Hashes, own: Hashes, told: Mapping[str, Floats]
) -> dict[str, NDArray[Any]]:
    """Return the derived columns of a block in step order.

    templates, told (what other tables know of each event, by column): in block order. own: (events,), in step order, the template that
    each event's account uses most.
    """
    order = step.order
    shingles = block.hashes("shingles")[order]
    known = (shingles != 0).any(axis=1)
    mine = (shingles == own[:, None]).any(axis=1) & (own != 0)  # also where another piece of the prompt recurs more often
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
        "own_template": np.where(known, mine.astype(np.float64), np.nan),
        "own_job": np.where(known, mine * purpose, np.nan),
        "template_id": templates.template[order],
        "parameters": combined(block, ("temperature", "top_p", "max_tokens", "seeded", "streamed"), ())[order],
        "client_version": combined(block, (), ("sdk_language", "sdk_version", "sdk_runtime", "user_agent"))[order],
        **{name: values[order] for name, values in told.items()},
    }
