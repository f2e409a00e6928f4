"""Serves canaries from a LiteLLM proxy: a callback that rewrites answers to a policy's members, and writes down how many it served.

In the proxy's configuration:  litellm_settings: {callbacks: streams.forensics.litellm_hook.canary} In its environment:
HYDROMETER_CANARY_POLICY and HYDROMETER_CANARY_SERVED, the paths of the policy and of the list of served answers

A member is a key's hash, user or team as LiteLLM names them. Where the proxy obeys orders too (HYDROMETER_ORDERS, and
`streams.enforcement.litellm_hook` before this callback), a member is served while a decision of the measure `canary` is in force. The
policy is read again when its file changes, so a revocation takes effect at the next answer. Streamed answers are left as they are. The
list of served answers has times and counts, never text.

Source: LiteLLM's `CustomLogger.async_post_call_success_hook` (docs.litellm.ai/docs/proxy/call_hooks).
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from streams.forensics.canary import CanaryPolicy, apply, read_policy


class CanaryHook(CustomLogger):
    """Rewrites answers to a policy's members."""

    def __init__(self, path: Path, served: Path, *, by_order: bool = False) -> None:
        """Serve the policy at `path`, and append to `served`. by_order: only answers that an order's hook marked."""
        super().__init__()
        self._path, self._served, self._by_order = path, served, by_order
        self._changed = -1.0
        self._policy: CanaryPolicy | None = None

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:
        """Return the response, with the policy's wordings when a member asked."""
        if self._by_order and not (data.get("metadata") or {}).get("hydrometer_canary"):
            return response
        policy = self._current()
        asked = {getattr(user_api_key_dict, name, None) for name in ("api_key", "user_id", "team_id")}
        if policy is None or policy.revoked_at or not asked.intersection(policy.members):
            return response
        for choice in getattr(response, "choices", []):
            message = getattr(choice, "message", None)
            if message is not None and isinstance(message.content, str):
                message.content = apply(policy, message.content)
        self._write_down(policy)
        return response

    def _current(self) -> CanaryPolicy | None:
        """Return the policy as the file says now; None when there is no file."""
        if not self._path.exists():
            return None
        changed = self._path.stat().st_mtime
        if changed != self._changed:
            self._policy, self._changed = read_policy(self._path), changed
        return self._policy

    def _write_down(self, policy: CanaryPolicy) -> None:
        line = json.dumps({"at": round(time.time(), 3), "case_id": policy.case_id, "epoch": policy.epoch, "answers": 1})
        with self._served.open("a", encoding="utf-8") as served:
            served.write(line + "\n")


canary = CanaryHook(
    Path(os.environ.get("HYDROMETER_CANARY_POLICY", "canary.json")),
    Path(os.environ.get("HYDROMETER_CANARY_SERVED", "canary-served.jsonl")),
    by_order="HYDROMETER_ORDERS" in os.environ,
)
