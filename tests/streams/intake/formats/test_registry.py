"""Whatever a log holds, a format translates it or leaves it to be refused: it never fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.errors import MalformedEventError, SettingsError
from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.intake.formats.format import Format
from streams.intake.formats.registry import advisor, all_formats, export_reader, names, reader
from streams.schema.event import Event

SAMPLES = Path(__file__).with_name("samples")
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


@pytest.mark.parametrize("name", names())
@given(found=st.dictionaries(st.sampled_from(THEIR_NAMES), ANY, max_size=12))
def test_any_object_is_translated_or_refused(name: str, found: Event) -> None:
    collector = Collector(Settings(mode="local"), name)
    step = collector.add([orjson.dumps(found)], "test", 1_790_000_000.0)
    assert step.accepted + len(step.dead) + step.rejected["no_request"] >= 1
    collector.flush()


def test_an_entry_that_no_format_knows_is_read_as_canonical_so_that_the_refusal_names_a_field() -> None:
    assert reader("auto")(b"{}") == [{}]


def test_a_format_is_chosen_by_name_and_an_unknown_name_lists_the_names() -> None:
    assert names()[:2] == ("auto", "canonical")
    assert "vllm" not in names()
    with pytest.raises(SettingsError, match="auto, canonical, azure, bedrock"):
        reader("nonsense")


def test_a_line_read_as_the_wrong_format_says_which_one_to_name() -> None:
    line = orjson.dumps({"startTime": 1, "call_type": "acompletion", "metadata": {}})
    collector = Collector(Settings(mode="local"), "envoy")
    (dead,) = collector.add([line], "test", 1_790_000_000.0).dead
    assert dead.detail.endswith("this looks like LiteLLM (callback payload, spend logs, Datadog, buckets): --format litellm")


MISSING = MalformedEventError("missing_field", "account.id is missing")


def test_an_entry_that_lacks_what_tells_its_format_is_still_called_alike() -> None:
    line = orjson.dumps({"litellm_call_id": "1", "model_group": "m", "metadata": {}, "end_user": "e"})
    assert "LiteLLM" in str(advisor("auto")(line, MISSING))


@pytest.mark.parametrize("each", [each for each in all_formats() if each.readable and each.fields], ids=lambda each: each.name)
def test_a_refusal_for_a_missing_field_names_the_places_that_its_format_has_for_it(each: Format) -> None:
    lines = (SAMPLES / f"{each.name}.jsonl").read_bytes().splitlines()
    assert f"{each.title} has it in {each.fields['account.id'].described}" in str(advisor("auto")(lines[0], MISSING))


@pytest.mark.parametrize(
    ("line", "name", "error", "said"),
    [
        (
            {"start_time": "t", "response_code": 200, "gen_ai.x": 1},
            "auto",
            MISSING,
            "`account.id` or `x-account-id`; name another place with",
        ),
        ({"resourceLogs": []}, "auto", MISSING, "has it in the attribute `account.id` or `enduser.id`; name another place with --map"),
        ({"who": {"key": "a"}}, "auto", MISSING, "no known format has such names: say where it is with --map PATH=account.id"),
        ({"timestamp": 1}, "auto", MISSING, None),
        ({"who": 1}, "who/key=account.id", MISSING, "a log with a mapping has it in `who/key`; name another place"),
        (
            {"who": 1},
            "who=account.id",
            MalformedEventError("missing_field", "timestamp is missing"),
            "name another place with --map PATH=timestamp",
        ),
        ({"who": 1}, "auto", MalformedEventError("not_json", "the line is not JSON"), None),
        (
            {"start_time": "t", "response_code": 200, "gen_ai.x": 1, "duration": "1.5s"},
            "auto",
            MalformedEventError("wrong_type", "http.server.request.duration must be a number"),
            "Envoy AI Gateway (access log) has it in `duration` (milliseconds)",
        ),
    ],
)
def test_a_refusal_says_what_helps(line: Event, name: str, error: MalformedEventError, said: str | None) -> None:
    advice = advisor(name)(orjson.dumps(line), error)
    assert advice is None if said is None else said in str(advice)


def test_every_module_with_a_format_is_found() -> None:
    assert {"canonical", "litellm", "envoy", "otlp", "vllm"} <= {each.name for each in all_formats()}


def test_a_mapping_names_attributes_of_spans_and_of_log_records() -> None:
    attributes = [{"key": "tenant", "value": {"stringValue": "t-1"}}, {"key": "gen_ai.request.model", "value": {"stringValue": "m"}}]
    span = {"spanId": "s", "startTimeUnixNano": "1790000000000000000", "attributes": attributes}
    record = {"spanId": "s", "timeUnixNano": "1790000000000000000", "attributes": attributes}
    event = {"timestamp": 1_790_000_000.0, "event.id": "s", "account.id": "t-1", "gen_ai.request.model": "m"}
    read = export_reader("tenant=account.id")
    assert list(read({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})) == [event]
    assert list(read({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})) == [event]


@pytest.mark.parametrize("strange", [b'"\\ud800"', b"NaN", b"1e400", b"[" * 500 + b"]" * 500])
def test_what_a_caller_writes_into_an_entry_in_an_envelope_does_not_hide_it(strange: bytes) -> None:
    entry = b'{"prompt": ' + strange + b', "timestamp": 1790000000, "event.id": "e", "account.id": "a"}'
    (event,) = reader("auto")(orjson.dumps({"log": entry.decode()}))
    assert (event["event.id"], event["account.id"]) == ("e", "a")


def test_an_envelope_in_an_envelope_is_opened_and_a_container_runtimes_prefix_left_out() -> None:
    event = {"timestamp": 1_790_000_000, "event.id": "e", "account.id": "a"}
    wrapped = orjson.dumps({"records": [{"log": orjson.dumps(event).decode()}, event]})
    assert reader("auto")(b"2026-09-21T14:13:20.1Z stdout F " + wrapped) == [event, event]


def test_a_reader_counts_the_entries_of_each_format() -> None:
    taken: Counter[str] = Counter()
    read = reader("auto", taken=taken)
    read(b'{"records": [{"timestamp": 1, "event.id": "e", "account.id": "a"}, {"timestamp": 1, "event.id": "f", "account.id": "a"}]}')
    read(b'{"started_at": 1, "ai": {}}')
    read(b'{"nothing": "known"}')
    assert taken == {"canonical": 2, "kong": 1}
