"""Words of gateways for kinds of calls."""

from __future__ import annotations

import pytest

from streams.schema.operations import NO_TEXT, OPERATIONS, OTHER, operation_of, operation_of_call

WORDS = {
    "chat": [
        "chat",
        "/v1/chat/completions",
        "/v1/chat/completions/",
        "POST /v1/chat/completions HTTP/1.1",
        "https://embed.example/v1/chat/completions",
        "/openai/deployments/gpt-4o-audio-preview/chat/completions?api-version=2025-01-01",
        "/openai/deployments/image-bot/chat/completions",
        "/v1beta/models/gemini-2.5-flash-image:generateContent",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        "/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict",
        "/v1/messages",
        "/model/anthropic.claude-3/converse-stream",
        "/v1/threads/thread_1/runs",
        "arun_thread",
        "ChatCompletions_Create",
        "Converse",
        "ConverseStream",
        "InvokeModelWithResponseStream",
        "generateContent",
        "anthropic_messages",
    ],
    "completion": [
        "completion",
        "/v1/completions",
        "text_completion",
        "atext_completion",
        "completions",
        "/openai/deployments/embed-bot/completions",
    ],
    "responses": ["aresponses", "/v1/responses", "/v1/responses/resp_1"],
    "embeddings": [
        "embeddings",
        "aembedding",
        "/v1/embeddings",
        "/openai/deployments/chat/embeddings",
        "/v1beta/models/text-embedding-004:batchEmbedContents",
        "/v1/projects/p/publishers/google/models/text-embedding-005:predict",
        "/v2/embed",
    ],
    "moderation": ["amoderation", "/v1/moderations", "/v1/chat/moderations", "/guardrail/g/version/1/apply", "/v1/classify"],
    "rerank": ["arerank", "/v2/rerank"],
    "batch": ["acreate_batch", "aretrieve_batch", "/v1/batches", "/v1/batches/batch_1/cancel", "/v1/messages/batches"],
    "mcp": ["call_mcp_tool", "/mcp", "execute_tool"],
    "images": ["aimage_generation", "/v1/images/generations", "/v1/images/edits", "acreate_video", "/v1/videos", "aocr"],
    "audio": ["aspeech", "atranscription", "/v1/audio/speech", "/v1/audio/transcriptions", "_arealtime"],
    "management": [
        "/v1/models",
        "/v1/models/gpt-4o",
        "/v1/files",
        "/v1/files/file-1/content",
        "/v1/fine_tuning/jobs/job-1/cancel",
        "/v1/messages/count_tokens",
        "/v1/responses/resp_1/input_items",
        "/v1/threads",
        "/v1/threads/thread_1",
        "/v1/threads/thread_1/messages",
        "/v1/assistants",
        "/v1/vector_stores/vs_1/search",
        "/tokenize",
        "models/gemini-2.5-flash:countTokens",
        "CountTokens",
        "afile_content",
        "aget_messages",
        "aget_assistants",
        "acreate_thread",
        "alist_fine_tuning_jobs",
        "alist_input_items",
        "avector_store_search",
        "asearch",
        "create_agent",
        "retrieval",
    ],
    "other": ["pass_through_endpoint", "allm_passthrough_route", "/my/agent", "Microsoft.ApiManagement/GatewayLogs", "/healthcare"],
}


@pytest.mark.parametrize(("operation", "word"), [(name, word) for name, words in WORDS.items() for word in words])
def test_each_gateways_word_has_its_operation(operation: str, word: str) -> None:
    assert operation_of(word) == operation


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operations_own_name_is_itself(operation: str) -> None:
    assert operation_of(operation) == operation


def test_no_word_is_unknown() -> None:
    assert operation_of(None) is None


@pytest.mark.parametrize("hidden", sorted({word for name in NO_TEXT for word in WORDS[name]}))
def test_what_a_caller_writes_behind_a_path_hides_no_text(hidden: str) -> None:
    for mark in "?#;":
        assert operation_of(f"/v1/chat/completions{mark}as={hidden}") == "chat"


@pytest.mark.parametrize("operation", sorted(NO_TEXT - {"images", "audio", "batch"}))
def test_a_call_that_was_counted_as_text_is_text_whatever_its_word_says(operation: str) -> None:
    assert operation_of_call(operation, None, 0, finished=False) == operation
    assert operation_of_call(operation, None, None, finished=False) == operation
    assert operation_of_call(operation, None, 7, finished=False) == OTHER
    assert operation_of_call(operation, None, 0, finished=True) == OTHER


def test_images_and_speech_are_counted_in_tokens_and_do_not_finish_as_texts_do() -> None:
    assert operation_of_call("images", None, 1_000, finished=False) == "images"
    assert operation_of_call("/image-bot", None, 1_000, finished=True) == OTHER


@pytest.mark.parametrize("word", [None, "pass_through_endpoint"])
def test_a_model_says_what_a_word_leaves_open_unless_it_answered_with_text(word: str | None) -> None:
    assert operation_of_call(word, "text-embedding-3-small", 0, finished=False) == "embeddings"
    assert operation_of_call(word, "text-embedding-3-small", 7, finished=False) == (word and OTHER)
    assert operation_of_call(word, "large", 0, finished=False) == (word and OTHER)
