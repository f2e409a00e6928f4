"""Words of gateways for kinds of calls."""

from __future__ import annotations

import pytest

from streams.schema.operations import OPERATIONS, operation_of

WORDS = {
    "chat": [
        "chat",
        "/v1/chat/completions",
        "ChatCompletions_Create",
        "Converse",
        "ConverseStream",
        "generateContent",
        "anthropic_messages",
    ],
    "completion": ["completion", "/v1/completions", "text_completion", "atext_completion", "completions"],
    "responses": ["aresponses", "/v1/responses"],
    "embeddings": ["embeddings", "aembedding", "/v1/embeddings"],
    "moderation": ["amoderation", "/v1/moderations"],
    "rerank": ["arerank", "/v2/rerank"],
    "batch": ["acreate_batch", "aretrieve_batch", "/v1/batches"],
    "mcp": ["call_mcp_tool", "/mcp"],
    "images": ["aimage_generation", "/v1/images/generations"],
    "audio": ["aspeech", "atranscription", "/v1/audio/speech"],
    "other": ["pass_through_endpoint"],
}


@pytest.mark.parametrize(("operation", "word"), [(name, word) for name, words in WORDS.items() for word in words])
def test_each_gateways_word_has_its_operation(operation: str, word: str) -> None:
    assert operation_of(word) == operation


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operations_own_name_is_itself(operation: str) -> None:
    assert operation_of(operation) == operation


def test_no_word_is_unknown() -> None:
    assert operation_of(None) is None
