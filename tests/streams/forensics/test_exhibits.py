"""A forensic file becomes an exhibit by what it holds, and only of the case that it is about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from streams.forensics import calibration, canary, exhibits, report
from streams.forensics.compare import compare
from streams.forensics.errors import AnswersError
from streams.forensics.panel import Panel
from streams.schema.exhibits import Exhibit

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    return write


def policy(case_id: str = "case-1") -> canary.CanaryPolicy:
    return canary.policy(canary.key(b"secret", case_id, 1), case_id, 1, ["one", "two"], ("J. Doe", "2026-11-22T12:00:00+00:00"))


def test_a_policy_says_who_approved_it_when_and_for_how_many(put: Callable[[bytes], Path]) -> None:
    path = put(policy().json())
    found = exhibits.describe(path, "case-1", NOON + 60)
    assert found.exhibit == Exhibit("canary", NOON, NOON, hashlib.sha256(path.read_bytes()).hexdigest())
    assert found.sentence == "Canary of epoch 1 was approved by J. Doe for 2 member(s)."
    revoked = exhibits.describe(put(canary.revoked(policy(), "2026-11-22T13:00:00+00:00").json()), "case-1", NOON)
    assert (revoked.exhibit.began, revoked.exhibit.ended) == (NOON, NOON + 3600)


def test_served_answers_are_counted_for_their_case_alone(put: Callable[[bytes], Path]) -> None:
    lines = [("case-1", 10.0), ("case-2", 20.0), ("case-1", 30.0)]
    path = put(b"".join(json.dumps({"at": at, "case_id": case, "epoch": 1, "answers": 2}).encode() + b"\n" for case, at in lines))
    found = exhibits.describe(path, "case-1", NOON)
    assert (found.exhibit.began, found.exhibit.ended, found.sentence) == (10.0, 30.0, "4 answers with canaries of epoch 1 were served.")


def test_a_report_is_told_with_its_effects_and_why_it_is_not_combined(writers: Callable[..., Panel], put: Callable[[bytes], Path]) -> None:
    panel = writers(copied=80)
    outcomes = compare([panel])
    made = report.report([panel], outcomes, calibration.combine(outcomes, None), None, {})
    found = exhibits.describe(put(orjson.dumps(made)), "case-1", NOON)
    assert (found.exhibit.kind, found.exhibit.began) == ("comparison", NOON)
    assert found.sentence.startswith("suspect compared with ours, 8 controls, 100 items. Wording of answers: effect +")
    assert "No likelihood ratio: there is no calibration" in found.sentence


def test_a_check_is_told_for_its_case_alone(put: Callable[[bytes], Path]) -> None:
    checked = [canary.CheckedPolicy(case, 1, 20, agree, 0.5, 0.001, 0.001, 0.002) for case, agree in (("case-1", 18), ("case-2", 9))]
    content = orjson.dumps({"suspect": "m", "controls": 7, "policies": [orjson.Fragment(json.dumps({
        name: getattr(one, name) for name in one.__struct_fields__})) for one in checked], "sha256": {}})  # fmt: skip
    found = exhibits.describe(put(content), "case-1", NOON)
    assert found.sentence == "m checked for this case's canaries, 7 controls. epoch 1: 18 of 20 wordings agree, p 0.002 after Holm."
    with pytest.raises(AnswersError, match="of other cases' canaries than case-3's"):
        exhibits.describe(put(content), "case-3", NOON)


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"[]", b'{"tests": []}', b'{"item": 1, "output": "text"}'])
def test_any_other_file_is_one_line_that_says_what_to_give(put: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(AnswersError, match=r"is no exhibit: give a policy of `hydrometer canary new`"):
        exhibits.describe(put(content), "case-1", NOON)


def test_a_missing_file_and_one_of_another_case_are_refused(put: Callable[[bytes], Path], tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match="cannot read"):
        exhibits.describe(tmp_path / "none", "case-1", NOON)
    with pytest.raises(AnswersError, match="about case-2, not about case-1"):
        exhibits.describe(put(policy("case-2").json()), "case-1", NOON)


def test_a_release_is_at_its_day_in_utc() -> None:
    found = exhibits.release("suspect-7b", datetime(2026, 11, 22, 12), "https://example.com")  # noqa: DTZ001 (as the command gives it)
    assert found.exhibit == Exhibit("release", NOON, NOON)
    assert found.sentence == "suspect-7b was released (https://example.com)."
