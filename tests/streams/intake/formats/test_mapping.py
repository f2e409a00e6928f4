"""A log that no format knows is read by a mapping, and a wrong mapping says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.core.errors import SettingsError
from streams.intake.formats.registry import reader

LINE = b'{"began": "2026-11-02T09:00:00Z", "call": {"id": "r-1", "took_ms": 1500}, "caller": {"key": "a-1"}, "kind": "chat"}'
EVENT = {"timestamp": "2026-11-02T09:00:00Z", "event.id": "r-1", "account.id": "a-1"}
FILE = """
title = "Our gateway"
[fields]
timestamp = "began"
event.id = "call/id"
"account.id" = ["caller/account", "caller/key"]
"http.server.request.duration" = { at = "call/took_ms", unit = "milliseconds" }
[keep]
kind = ["chat", "completion"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(FILE)
    return path


def test_pairs_read_paths_of_theirs_as_fields_of_ours() -> None:
    assert reader("began=timestamp,call/id=event.id,caller/key=account.id")(LINE) == [EVENT]


def test_the_first_known_of_two_paths_for_one_field_counts() -> None:
    assert reader("caller/account=account.id,caller/key=account.id,began=timestamp,call/id=event.id")(LINE) == [EVENT]


def test_fields_that_have_our_name_already_need_no_pair() -> None:
    line = b'{"timestamp": "2026-11-02T09:00:00Z", "event": {"id": "r-1"}, "user": "a-1", "colour": "red"}'
    assert reader("user=account.id")(line) == [EVENT]


def test_a_file_converts_units_and_keeps_only_what_is_a_request(file: Path) -> None:
    read = reader(str(file))
    assert read(LINE) == [{**EVENT, "http.server.request.duration": 1.5}]
    assert read(LINE.replace(b'"chat"', b'"health"')) == []


@pytest.mark.parametrize(
    ("written", "seconds"), [('"1.5s"', 1.5), ('"1500ms"', 1.5), ('"1500000 us"', 1.5), ('"1500"', 1.5), ("1500", 1.5)]
)
def test_a_duration_that_names_its_unit_is_read_by_that_unit(file: Path, written: str, seconds: float) -> None:
    (event,) = reader(str(file))(LINE.replace(b"1500", written.encode()))
    assert event["http.server.request.duration"] == pytest.approx(seconds)


def test_what_a_caller_chose_and_is_nonsense_is_unknown() -> None:
    line = LINE.replace(b'"kind": "chat"', b'"heat": "warm"')
    assert "gen_ai.request.temperature" not in reader("heat=gen_ai.request.temperature,began=timestamp")(line)[0]


KONG = (
    b'{"started_at": 1790000000000, "request": {"id": "r-1"}, "consumer": {"id": "c"}, "latencies": {"request": 1500}, "tenant": "a-1", '
    b'"ai": {"proxy": {"usage": {"prompt_tokens": 7}, "meta": {}}}}'
)
TENANT = {
    "timestamp": 1_790_000_000_000,
    "event.id": "r-1",
    "account.id": "a-1",
    "http.server.request.duration": 1.5,
    "gen_ai.usage.input_tokens": 7,
}


@pytest.mark.parametrize("name", ["tenant=account.id", "kong,tenant=account.id", "like.toml"])
def test_a_mapping_goes_over_the_format_of_the_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "like.toml").write_text('like = "kong"\n[fields]\n"account.id" = "tenant"\n')
    assert reader(str(tmp_path / name) if name.endswith(".toml") else name)(KONG) == [TENANT]


def test_a_mapping_over_a_format_keeps_what_is_no_request_out() -> None:
    mcp = b'{"start_time": 1790000000, "response_code": 200, "mcp.method.name": "tools/call", "tenant": "a-1"}'
    assert reader("tenant=account.id")(mcp) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"account.id"', '"accounts.id"', "accounts.id is not an event field, did you mean account.id?"),
        ("milliseconds", "fortnights", "the unit 'fortnights' of http.server.request.duration is unknown: use one of milliseconds"),
        ("[fields]", "[field]", "unknown: field"),
        ("[fields]", "", "unknown: account.id, event"),
        ('"began"', "7", "timestamp must be a path, a list of paths"),
        ('"began"', "", "is not valid TOML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(file: Path, before: str, after: str, said: str) -> None:
    file.write_text(FILE.replace(before, after, 1))
    with pytest.raises(SettingsError, match=r"gateway\.toml") as refused:
        reader(str(file))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.toml", "nowhere.toml: No such file or directory: check --format"),
        ("began=", "--map began= is not PATH=FIELD"),
        ("began=time", "time is not an event field"),
        ("gateway", "unknown log format 'gateway'"),
        ("gateway,a=account.id", "unknown log format 'gateway'"),
    ],
)
def test_a_wrong_name_says_what_is_wrong(name: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        reader(name)
    assert said in str(refused.value)


def test_the_file_of_the_documentation_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs/how-to/bring-your-logs.md").read_text()
    path = tmp_path / "gateway.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert reader(str(path))(LINE) == [{**EVENT, "http.server.request.duration": 1.5}]


SPAN = (
    b'{"resourceSpans": [{"resource": {"attributes": [{"key": "tenant", "value": {"stringValue": "a-1"}}]}, "scopeSpans": [{"spans": '
    b'[{"spanId": "s", "startTimeUnixNano": "1790000000000000000", "attributes": [{"key": "user.id", "value": {"stringValue": "ada"}}, '
    b'{"key": "gen_ai.request.model", "value": {"stringValue": "large"}}]}]}]}]}'
)


@pytest.mark.parametrize(("path", "account"), [("tenant", "a-1"), ("user.id", "ada")])
def test_an_account_is_named_in_a_resource_or_under_another_name_of_the_conventions(path: str, account: str) -> None:
    (event,) = reader(f"{path}=account.id")(SPAN)
    assert (event["account.id"], event["event.id"], event["gen_ai.request.model"]) == (account, "s", "large")
