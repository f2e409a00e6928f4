"""The log of the ACME gateway, in a package of its own."""

from __future__ import annotations

from streams.intake.formats.format import at, milliseconds, table

FORMAT = table(
    name="acme",
    title="ACME gateway (access log)",
    recognise=lambda entry: "acme_version" in entry,
    fields={
        "timestamp": at("began"),
        "event.id": at("call/id"),
        "account.id": at("caller/account", "caller/key"),
        "gen_ai.usage.output_tokens": at("tokens/out"),
        "http.server.request.duration": at("took_ms", unit=milliseconds),
    },
)
