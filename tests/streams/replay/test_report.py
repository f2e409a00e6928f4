"""What a replay found, to read: a page for the run, one for each case, and the cases on the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import orjson
import pytest
from click.testing import CliRunner

from streams.cases.views.recorded import recorded
from streams.cli.main import cli
from streams.core.errors import HydrometerError
from streams.replay.lacking_costs import stored
from streams.replay.report import write
from streams.schema.replay_files import CoverageReport, FamilyCoverage, FieldCoverage, Summary

SUMMARY = Summary(
    events=1_200, rejected={"missing_field": 3}, accounts=40, groups=2, cases=1, state_bytes_per_account=9, events_per_second=1
)
COVERAGE = CoverageReport(
    events=1_200,
    fields=[FieldCoverage("payment.hash", 0.0, constant=False, blinds=["card_sharing"])],
    blind=["card_sharing"],
    families={"payment": FamilyCoverage(0, 2)},
)
EXAMPLE = orjson.loads((Path(__file__).parents[1] / "schema/examples/cases.1.json").read_bytes())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a replay with two versions of one open case, and a resolved one."""
    versions = [
        {**EXAMPLE, "case_id": "case-aa", "version": 1, "state": "open", "title": "12 accounts behind <one> router"},
        {**EXAMPLE, "case_id": "case-bb", "version": 1, "state": "resolved", "title": "a course"},
        {**EXAMPLE, "case_id": "case-aa", "version": 2, "state": "open", "title": "14 accounts behind <one> router"},
    ]
    (tmp_path / "cases.jsonl").write_bytes(b"".join(orjson.dumps(version) + b"\n" for version in versions))
    return tmp_path


def test_the_newest_version_of_each_open_case_is_read(out: Path) -> None:
    assert [(case.case_id, case.version) for case in recorded(out)] == [("case-aa", 2)]
    assert [case.case_id for case in recorded(out, with_resolved=True)] == ["case-aa", "case-bb"]


def test_a_case_is_listed_and_shown_from_the_folder(out: Path) -> None:
    listed = CliRunner().invoke(cli, ["case", "list", "--from", str(out)], catch_exceptions=False).output
    assert "case-aa" in listed
    assert "case-bb" not in listed
    shown = CliRunner().invoke(cli, ["case", "show", "bb", "--from", str(out), "--json"], catch_exceptions=False).output
    assert orjson.loads(shown)["title"] == "a course"


def test_a_folder_that_is_no_replays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HydrometerError, match=r"name the --out of a `hydrometer replay`"):
        recorded(tmp_path)
    (tmp_path / "cases.jsonl").write_bytes(b'{"case_id": 7}\n')
    with pytest.raises(HydrometerError, match=r"cases\.jsonl that can be read"):
        recorded(tmp_path)


def test_the_report_leads_to_a_page_for_every_case_and_escapes_what_it_shows(out: Path) -> None:
    write(out, SUMMARY, COVERAGE)
    text = (out / "report.html").read_text()
    for case_id in ("case-aa", "case-bb"):
        assert f'href="cases/{case_id}.html"' in text
        assert case_id in (out / "cases" / f"{case_id}.html").read_text()
    assert "14 accounts behind &lt;one&gt; router" in text
    assert "<one>" not in text


def test_the_report_calls_a_question_one(out: Path) -> None:
    asked = {**EXAMPLE, "case_id": "case-cc", "state": "open", "payload": {**EXAMPLE["payload"], "tier": "ask"}}
    with (out / "cases.jsonl").open("ab") as file:
        file.write(orjson.dumps(asked) + b"\n")
    write(out, SUMMARY, COVERAGE)
    assert (out / "report.html").read_text().count("a question, open") == 1


def test_the_report_says_what_was_refused_what_is_lacking_and_what_is_blind(out: Path) -> None:
    write(out, SUMMARY, COVERAGE)
    text = (out / "report.html").read_text()
    assert "<td>missing_field</td><td class=n>3</td>" in text
    assert "<td>payment.hash</td><td>never</td><td></td><td>card_sharing</td>" in text
    assert "0 of 2" in text


def test_the_report_draws_how_much_of_each_field_is_known_and_says_what_a_missing_one_costs(out: Path) -> None:
    fields = [
        FieldCoverage("payment.hash", 0.0, constant=False, blinds=[]),
        FieldCoverage("gen_ai.usage.input_tokens", 0.758, constant=False, blinds=[]),
    ]
    write(out, msgspec.structs.replace(SUMMARY, formats={"kong": 9}), msgspec.structs.replace(COVERAGE, fields=fields))
    text = (out / "report.html").read_text()
    assert "<td>payment.hash</td><td><meter min=0 max=1 value=0.000></meter></td><td class=n>0 %</td>" in text
    assert "<meter min=0 max=1 value=0.758></meter></td><td class=n>75 %</td>" in text
    campaigns = stored().campaigns
    assert re.search(rf"<td>payment.hash</td><td>never</td><td></td><td></td><td>\d+ \(\d+\) of {campaigns}</td>", text)
    assert "With the fields of kong alone: " in text
