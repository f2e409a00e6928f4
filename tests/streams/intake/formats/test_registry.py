"""Whatever a log holds, a format translates it or leaves it to be refused: it never fails."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.intake.formats.registry import FORMATS, translator

THEIR_NAMES = [
    "standard_logging_object",
    "id",
    "call_type",
    "startTime",
    "endTime",
    "completionStartTime",
    "stream",
    "status",
    "metadata",
    "model_parameters",
    "messages",
    "response",
    "usage",
    "choices",
    "finish_reason",
    "error_information",
    "error_code",
    "prompt_tokens",
    "user_api_key_hash",
    "user_api_key_user_id",
    "tools",
    "n",
    "start_time",
    "response_code",
    "duration",
    "x-forwarded-for",
    "downstream_remote_address",
    "protocol",
    "gen_ai.usage.input_tokens",
    "gen_ai.request.seed",
    "x-request-id",
    "x-account-id",
    "role",
    "content",
    "text",
    "parts",
]
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "-", "--5", "1e3", "nan", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(THEIR_NAMES), inner, max_size=6),
    max_leaves=12,
)


@pytest.mark.parametrize("name", ["auto", *(each.name for each in FORMATS)])
@given(found=st.dictionaries(st.sampled_from(THEIR_NAMES), ANY, max_size=12))
def test_any_object_is_translated_or_refused(name: str, found: dict[str, Any]) -> None:
    collector = Collector(Settings(mode="local"), name)
    step = collector.add([orjson.dumps(found)], "test", 1_790_000_000.0)
    assert step.accepted + len(step.dead) == 1
    collector.flush()


def test_recognition_never_fails_and_prefers_the_canonical_event() -> None:
    assert translator("auto")({"event.id": "e", "account.id": "a", "startTime": 1, "call_type": "x"})["event.id"] == "e"
    assert translator("auto")({}) == {}
