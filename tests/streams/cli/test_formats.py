"""`hydrometer formats`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from streams.cli.formats import formats
from streams.cli.replay import replay


def test_every_format_has_a_line_with_its_name() -> None:
    printed = CliRunner().invoke(formats).output
    assert [line.split()[0] for line in printed.splitlines()][:3] == ["canonical", "azure", "bedrock"]


def test_the_markdown_says_where_each_field_comes_from() -> None:
    printed = CliRunner().invoke(formats, ["--markdown"]).output
    assert "| `http.server.request.duration` | `latencies/request` (milliseconds) |" in printed


def test_replay_says_how_much_was_refused_and_keeps_the_blanked_lines(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"timestamp":1790000000,"event.id":"e","account.id":"a"}\n'
        '{"startTime":1790000000,"call_type":"acompletion","litellm_call_id":"c","messages":"hidden"}\n'
        "no json\n"
        '{"startTime":1790000001,"call_type":"acompletion","litellm_call_id":"d","messages":"hidden"}\n'
    )
    result = CliRunner().invoke(replay, [str(log), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert "warning: 75% of the log was refused: 3 events" in result.output
    assert "2 missing_field: account.id is missing; LiteLLM (callback payload, spend logs, Datadog, buckets) has it in" in result.output
    assert f"first: {log}, 2: " in result.output
    assert f"1 not_json: the line is not JSON\n    first: {log}, 3: " in result.output
    assert "read as LiteLLM (callback payload, spend logs, Datadog, buckets) (2 entries), Canonical event" in result.output
    assert "hidden" not in result.output + (tmp_path / "out" / "rejected.jsonl").read_text()


def test_a_table_instead_of_json_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")
    result = CliRunner().invoke(replay, [str(tmp_path / "log.csv"), "--out", str(tmp_path / "out")])
    assert "no event was accepted (rejected: 2 not_json): a log has one JSON object a line, convert it first" in str(result.exception)
