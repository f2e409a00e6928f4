"""Amazon Bedrock's model invocation log (S3, CloudWatch Logs, Firehose). Its account is the caller's identity, not the AWS account."""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import Entry, at, computed, milliseconds, table, texts, tools

_BODY: Final = "input/inputBodyJson"
_ANSWER: Final = "output/outputBodyJson"


_STATUS: Final = {
    "AccessDeniedException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
}
"""HTTP status of each error that InvokeModel and Converse document; others are the service's."""
_GOOD, _SERVER_ERROR = 200, 500


def _status(entry: Entry) -> int:
    """Return the HTTP status of an error by its name; a log entry without one is a success."""
    error = entry.get("errorCode")
    return _GOOD if error is None else _STATUS.get(error, _SERVER_ERROR) if isinstance(error, str) else _SERVER_ERROR


def _streamed(entry: Entry) -> bool | None:
    operation = entry.get("operation")
    return operation.endswith("Stream") if isinstance(operation, str) else None


def _operation(entry: Entry) -> Any:
    model, operation = entry.get("modelId"), entry.get("operation")
    return "embeddings" if isinstance(model, str) and "embed" in model.lower() else operation


FORMAT: Final = table(
    name="bedrock",
    title="Amazon Bedrock (model invocation log)",
    recognise=lambda entry: entry.get("schemaType") == "ModelInvocationLog",
    fields={
        "timestamp": at("timestamp"),
        "event.id": at("requestId"),
        "account.id": at("identity/arn", "accountId"),
        "organization.id": at("accountId"),
        "http.response.status_code": computed("`errorCode`, 200 without one", _status),
        "gen_ai.operation.name": computed("`operation`, embeddings by `modelId`", _operation),
        "gen_ai.provider.name": computed("aws.bedrock", lambda _entry: "aws.bedrock"),
        "gen_ai.request.model": at("modelId"),
        "gen_ai.request.stream": computed("whether `operation` ends in Stream", _streamed),
        "gen_ai.request.temperature": at(
            f"{_BODY}/inferenceConfig/temperature", f"{_BODY}/temperature", f"{_BODY}/textGenerationConfig/temperature"
        ),
        "gen_ai.request.top_p": at(f"{_BODY}/inferenceConfig/topP", f"{_BODY}/top_p", f"{_BODY}/textGenerationConfig/topP"),
        "gen_ai.request.max_tokens": at(
            f"{_BODY}/inferenceConfig/maxTokens",
            f"{_BODY}/max_tokens",
            f"{_BODY}/max_gen_len",
            f"{_BODY}/textGenerationConfig/maxTokenCount",
        ),
        "gen_ai.usage.input_tokens": at("input/inputTokenCount"),
        "gen_ai.usage.output_tokens": at("output/outputTokenCount"),
        "gen_ai.usage.cache_read.input_tokens": at("input/cacheReadInputTokenCount"),
        "http.server.request.duration": at(f"{_ANSWER}/metrics/latencyMs", unit=milliseconds),
        "gen_ai.response.finish_reasons": at(f"{_ANSWER}/stopReason", f"{_ANSWER}/stop_reason"),
        **tools(f"{_BODY}/toolConfig/tools"),
        "prompt": at(f"{_BODY}/messages", f"{_BODY}/inputText", f"{_BODY}/prompt"),
        "system_prompt": at(f"{_BODY}/system", unit=texts),
    },
)
