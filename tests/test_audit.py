"""The audit of the locks: it fails for an advisory, and says so when nobody could be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from streams.testing.by_path import loaded
from streams.testing.http_answers import Asked, answering


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    return loaded(Path(__file__).with_name("audit.py"))


@contextmanager
def database(advisories: dict[str, list[str]], status: int = 200, *, broken: bool = False) -> Iterator[str]:
    """Serve OSV's answer: the advisories of the packages that are named."""

    def answer(asked: Asked) -> tuple[int, bytes]:
        names = [query["package"]["name"] for query in json.loads(asked.body)["queries"]]
        results: list[Any] = [{"vulns": [{"id": each} for each in advisories[name]]} if name in advisories else {} for name in names]
        return status, json.dumps({"results": results[1:] if broken else results}).encode()

    with answering(answer) as url:
        yield f"{url}/v1/querybatch"


def test_every_package_of_both_locks_is_asked_about(audit: ModuleType) -> None:
    for name in audit.LOCKS:
        text = (audit.ROOT / name).read_text()
        assert len(audit.pins(text)) == sum("==" in line for line in text.splitlines()) > 50


def test_an_advisory_that_applies_fails_until_it_is_accepted_and_again_when_that_has_ended(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with database({"aiohttp": ["GHSA-1", "GHSA-2"]}) as url:
        monkeypatch.setenv("OSV_URL", url)
        assert audit.main() == 1
        assert "https://osv.dev/GHSA-2" in capsys.readouterr().out
        accepted = {each: audit.Accepted("we do not call it", date(2027, 1, 1)) for each in ("GHSA-1", "GHSA-2")}
        monkeypatch.setattr(audit, "ACCEPTED", accepted)
        assert audit.main(date(2026, 12, 31)) == 0
        assert audit.main(date(2027, 1, 2)) == 1


def test_no_advisory_is_no_failure(audit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with database({}) as url:
        monkeypatch.setenv("OSV_URL", url)
        assert audit.main() == 0


@pytest.mark.parametrize(("status", "broken"), [(500, False), (200, True)])
def test_a_database_that_does_not_answer_is_said_to_be_away_and_fails_only_when_it_must(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    broken: bool,  # noqa: FBT001  (a parameter of pytest)
) -> None:
    with database({"aiohttp": ["GHSA-1"]}, status, broken=broken) as url:
        monkeypatch.setenv("OSV_URL", url)
        assert audit.main() == 0
        assert "NOT AUDITED" in capsys.readouterr().out
        monkeypatch.setenv("STRICT", "1")
        assert audit.main() == 1
