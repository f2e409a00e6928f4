"""What kind of call a request is: the values of the column `operation`, and which of them answer with text of the model.

Gateways write many words for one kind of call (`acompletion`, `ChatCompletions_Create`, `/v1/chat/completions`). `operation_of` gives them
one name each. An embedding answers with no text: its 0 output tokens are no short answer, so what features read of an answer or a prompt
is unknown for it (`streams/privacy/normalise.py`).

A path is the caller's to write, and holds names that the operator chose: its end decides, and nothing behind a `?` is read. What was
counted of the answer goes over any word (`operation_of_call`): a call with output tokens has answered with text.
"""

from __future__ import annotations

import re
from typing import Final

from streams.core.remembered import remembered

OTHER: Final = "other"
"""A call of a kind that no word below names. It is taken for one that answers with text."""
NO_TEXT: Final = frozenset({"embeddings", "moderation", "rerank", "batch", "mcp", "images", "audio", "management"})
"""Operations that answer with something else than text of the model."""
_COUNTED_TOKENS: Final = frozenset({"images", "audio"})
"""Operations whose answers are counted in output tokens too."""
_COUNTED_LATER: Final = "batch"
"""The operation whose answers, and their tokens, are in a file that is fetched another day."""

_MANAGEMENT: Final = (  # what asks no model for an answer: lists, files, jobs, searches, counts of tokens
    r"^management$|count_?tokens|(?<![a-z])input_(tokens|items)|tokeni[sz]e(?![a-z])|fine_tun|vector_store|retrieval|create_agent"
    r"|(?<![a-z])a?(files?|search|ingest|assistants?|skills?|containers?|sandbox|health(z|check)?|liveness|readiness)(?![a-z])"
    r"|code_interpreter|run_code|(get|add|list|delete)_messages?"
    r"|(?<!run_)(?<![a-z])threads?(/[^/]+)?$|(^|/)models$|(^|/)v\d\w*/models/[^/]+$"
)
_WORDS: Final = (  # the first that matches decides: `/v1/images/generations` before `generate`
    ("mcp", r"\bmcp|_mcp_|execute_tool"),
    ("embeddings", r"embed"),
    ("moderation", r"moderat|guardrail|(?<![a-z])classif(y|ications?)(?![a-z])"),
    ("rerank", r"rerank"),
    ("batch", r"batch"),
    ("images", r"image|video|(?<![a-z])a?ocr(?![a-z])"),
    ("audio", r"audio|speech|transcri|realtime"),
    ("management", _MANAGEMENT),
    ("responses", r"responses(?!tream)"),
    ("completion", r"text_completion|(?<!chat[/._])(?<!chat)completions?\b"),
    ("chat", r"chat|messages|converse|invokemodel|generate_?content|rawpredict|(?<![a-z])runs(?![a-z])|run_thread"),
)
_PATTERNS: Final = tuple((name, re.compile(pattern)) for name, pattern in _WORDS)
OPERATIONS: Final = (*(name for name, _ in _WORDS), OTHER)

_MODELS: Final = (
    ("embeddings", re.compile(r"embed")),
    ("moderation", re.compile(r"moderation")),
    ("rerank", re.compile(r"rerank")),
    ("images", re.compile(r"dall-?e|imagen|gpt-image|stable-diffusion")),
    ("audio", re.compile(r"whisper|\btts\b|transcribe")),
)
"""Names of models that answer with something else than text."""
_BEHIND_PATH: Final = re.compile(r"[?#;]")
_HOST: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]*")
_SEVERAL_STEPS: Final = ((re.compile(r"chat/completions"), "chat"), (re.compile(r"threads?/[^/]+/messages$"), "list_messages"))
"""Ends of paths that their last step alone would name wrongly, and a word for each."""
_MAX_STEPS: Final = 5
"""Steps at the end of a path that decide: `guardrail/ID/version/1/apply`."""


@remembered(calls=1 << 12)
def operation_of(word: str | None) -> str | None:
    """Return the canonical operation of a gateway's word or URL path, None for an unknown one.

    >>> operation_of("/v1/chat/completions"), operation_of("text_completion"), operation_of("aembedding"), operation_of("agents/run")
    ('chat', 'completion', 'embeddings', 'other')
    >>> operation_of("/openai/deployments/image-bot/chat/completions?like=/embeddings")
    'chat'
    """
    if not word:
        return None
    small = word.lower()
    if "/" not in small:
        return _named(small) or OTHER
    path = _HOST.sub("", _BEHIND_PATH.split(small, maxsplit=1)[0])
    for several, one in _SEVERAL_STEPS:
        path = several.sub(one, path)
    steps = [step for step in re.split("[/:]", path) if step]
    ends = ("/".join(steps[-length:]) for length in range(1, min(len(steps), _MAX_STEPS) + 1))
    return next((name for end in ends if (name := _named(end)) is not None), OTHER)


def operation_of_call(word: str | None, model: str | None, output_tokens: float | None, *, finished: bool) -> str | None:
    """Return the canonical operation of a call, from its word, its model and what was counted of its answer; None for an unknown one.

    >>> operation_of_call(None, "text-embedding-3-small", 0, finished=False), operation_of_call("/embed-bot", "large", 7, finished=False)
    ('embeddings', 'other')

    Args:
        word: The gateway's word for it, or the path of its URL.
        model: The model that was asked for.
        output_tokens: As the gateway counted them; None for unknown.
        finished: Whether the gateway knows why the answer ended, as it does of a text.
    """
    operation = operation_of(word)
    if operation is None or operation == OTHER:
        return operation if output_tokens or finished else _operation_of_model(model) or operation
    if operation not in NO_TEXT or operation == _COUNTED_LATER:
        return operation
    return OTHER if finished or (output_tokens and operation not in _COUNTED_TOKENS) else operation


@remembered(calls=1 << 12)
def _operation_of_model(model: str | None) -> str | None:
    small = (model or "").lower()
    return next((name for name, pattern in _MODELS if pattern.search(small)), None)


def _named(word: str) -> str | None:
    return next((name for name, pattern in _PATTERNS if pattern.search(word)), None)
