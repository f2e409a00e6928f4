"""Makes a LiteLLM proxy obey orders: a callback that refuses, caps, strips and marks for a canary before and after a call.

In the proxy's configuration:  litellm_settings: {callbacks: streams.enforcement.litellm_hook.enforcement}
In its environment: HYDROMETER_ORDERS, the file that `hydrometer enforcement apply --to litellm=FILE` writes

A caller is a key's hash, user, team or end user as LiteLLM names them.
Source: LiteLLM's `CustomLogger` (docs.litellm.ai/docs/proxy/call_hooks).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

from streams.enforcement.obeying import Obeying

_HARVESTED = ("logprobs", "top_logprobs", "reasoning_effort", "thinking", "include_reasoning")
"""Parameters that ask for what is worth harvesting."""


class EnforcementHook(CustomLogger):
    """Obeys the orders of a file."""

    def __init__(self, path: Path) -> None:
        """Obey the orders at `path`."""
        super().__init__()
        self._obeying = Obeying(path)

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> dict[str, Any]:  # noqa: ARG002 - theirs
        """Return the request as it may be served. Raises HTTPException for one that is refused (403) or over a cap (429)."""
        ruling = self._obeying.rule(_callers(user_api_key_dict, data))
        if ruling.does in ("refuse", "limit"):
            raise HTTPException(status_code=403 if ruling.does == "refuse" else 429, detail={"error": ruling.notice})
        if ruling.does == "strip":
            for name in _HARVESTED:
                data.pop(name, None)
            data["n"] = 1
            data.setdefault("metadata", {})["hydrometer_strip"] = True
        if ruling.canary:
            data.setdefault("metadata", {})["hydrometer_canary"] = True
        return data

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:  # noqa: ARG002 - theirs
        """Return the answer, without reasoning and log-probabilities where an order hides them."""
        if (data.get("metadata") or {}).get("hydrometer_strip"):
            for choice in getattr(response, "choices", []):
                if getattr(choice, "logprobs", None) is not None:
                    choice.logprobs = None
                message = getattr(choice, "message", None)
                for name in ("reasoning_content", "thinking_blocks"):
                    if getattr(message, name, None):
                        setattr(message, name, None)
        return response


def _callers(key: Any, data: dict[str, Any]) -> list[str]:
    named = [getattr(key, name, None) for name in ("api_key", "user_id", "team_id", "end_user_id")]
    return [str(name) for name in (*named, data.get("user")) if name]


enforcement = EnforcementHook(Path(os.environ.get("HYDROMETER_ORDERS", "orders.json")))
