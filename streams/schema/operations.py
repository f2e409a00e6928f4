"""What kind of call a request is: the values of the column `operation`, and which of them answer with text of the model.

Gateways write many words for one kind of call (`acompletion`, `ChatCompletions_Create`, `/v1/chat/completions`). `operation_of` gives them
one name each. An embedding answers with no text: its 0 output tokens are no short answer, so what features read of an answer or a prompt
is unknown for it (`streams/privacy/normalise.py`).
"""

from __future__ import annotations

import re
from typing import Final

from streams.core.remembered import remembered

OTHER: Final = "other"
"""A call of a kind that no word below names. It is taken for one that answers with text."""
NO_TEXT: Final = frozenset({"embeddings", "moderation", "rerank", "batch", "mcp", "images", "audio"})
"""Operations that answer with something else than text of the model."""

_WORDS: Final = (  # the first that matches decides: `/v1/images/generations` before `generate`
    ("mcp", r"\bmcp|_mcp_|execute_tool"),
    ("embeddings", r"embed"),
    ("moderation", r"moderat"),
    ("rerank", r"rerank"),
    ("batch", r"batch"),
    ("images", r"image"),
    ("audio", r"audio|speech|transcri|realtime"),
    ("responses", r"responses"),
    ("completion", r"text_completion|(?<!chat[/._])(?<!chat)completions?\b"),
    ("chat", r"chat|messages|converse|invokemodel|generate_?content|rawpredict"),
)
_PATTERNS: Final = tuple((name, re.compile(pattern)) for name, pattern in _WORDS)
OPERATIONS: Final = (*(name for name, _ in _WORDS), OTHER)


@remembered(calls=1 << 12)
def operation_of(word: str | None) -> str | None:
    """Return the canonical operation of a gateway's word or URL path, None for an unknown one.

    >>> operation_of("/v1/chat/completions"), operation_of("text_completion"), operation_of("aembedding"), operation_of("agents/run")
    ('chat', 'completion', 'embeddings', 'other')
    """
    if not word:
        return None
    small = word.lower()
    return next((name for name, pattern in _PATTERNS if pattern.search(small)), OTHER)
