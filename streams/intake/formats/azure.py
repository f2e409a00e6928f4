"""Azure OpenAI's diagnostic log, and API Management's gateway log in front of it (Event Hub, storage, `records` envelopes).

API keys appear in neither: without Entra ids the account is the resource, and all of its callers are one.
"""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import Entry, at, client_headers, computed, milliseconds_if_known, parameters, table, tools

_REQUEST: Final = "properties/requestBody"
_USAGE: Final = "properties/responseBody/usage"
_STREAMS: Final = {"Streaming": True, "Non-Streaming": False}
_CATEGORIES: Final = ("RequestResponse", "GatewayLogs")


def _recognise(entry: Entry) -> bool:
    return entry.get("category") in _CATEGORIES and "correlationId" in entry


def _address(entry: Entry) -> Any:
    """Return the caller's address; the last part of an IPv4 address, which Azure masks, as 0 (its /24 is what counts)."""
    address = entry.get("callerIpAddress")
    return address.replace(".***", ".0") if isinstance(address, str) else None


def _streamed(value: Any) -> Any:
    return _STREAMS.get(value) if isinstance(value, str) else value if isinstance(value, bool) else None


FORMAT: Final = table(
    name="azure",
    title="Azure OpenAI (diagnostic settings, API Management)",
    recognise=_recognise,
    fields={
        "timestamp": at("time"),
        "event.id": at("correlationId"),
        "account.id": at("properties/objectId", "properties/subscriptionId", "properties/userId", "resourceId"),
        "organization.id": at("resourceId"),
        "user.id": at(f"{_REQUEST}/user"),
        "client.address": computed("`callerIpAddress`", _address),
        **client_headers("properties/requestHeaders", ordered=False),
        "http.response.status_code": at("properties/responseCode", "resultSignature"),
        "http.server.request.duration": at("durationMs", unit=milliseconds_if_known),
        "gen_ai.operation.name": at("properties/operationId", "operationName"),
        "gen_ai.provider.name": computed("azure.ai.openai", lambda _entry: "azure.ai.openai"),
        "gen_ai.request.model": at("properties/modelDeploymentName", f"{_REQUEST}/model"),
        "gen_ai.response.model": at("properties/modelName", "properties/responseBody/model"),
        **parameters(_REQUEST),
        "gen_ai.request.stream": at("properties/streamType", f"{_REQUEST}/stream", unit=_streamed),
        "gen_ai.usage.input_tokens": at(f"{_USAGE}/prompt_tokens"),
        "gen_ai.usage.output_tokens": at(f"{_USAGE}/completion_tokens"),
        "gen_ai.usage.cache_read.input_tokens": at(f"{_USAGE}/prompt_tokens_details/cached_tokens"),
        "gen_ai.usage.reasoning.output_tokens": at(f"{_USAGE}/completion_tokens_details/reasoning_tokens"),
        "gen_ai.response.finish_reasons": at("properties/responseBody/choices/0/finish_reason"),
        **tools(f"{_REQUEST}/tools"),
        "prompt": at(f"{_REQUEST}/messages", f"{_REQUEST}/input"),
        "system_prompt": at(f"{_REQUEST}/instructions"),
    },
)
