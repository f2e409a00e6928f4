"""What a person decides on the command line is on the topic `labels` when the command returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from streams.cases import labels
from streams.cases.views import terminal
from streams.cases.views.terminal import CaseRow, UnknownLinkError
from streams.cli.main import cli
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.cases import CaseMember, CasePayload, Link
from streams.schema.labels import Label
from streams.testing.builders import embedded_broker

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def settings() -> Iterator[Settings]:
    with embedded_broker() as bootstrap:
        settings = Settings.load({"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": bootstrap})
        topics.ensure(settings)
        yield settings


def run(settings: Settings, *words: str) -> str:
    environment = {"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": settings.kafka, "HYDROMETER_CLICKHOUSE_PORT": "1"}
    result = CliRunner(env=environment).invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def first_label(settings: Settings) -> Label:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topics.LABELS, 0)])
        for record in consumer:
            return Label.decode(record.value)
    finally:
        consumer.close()
    raise AssertionError


def test_a_verdict_travels_with_who_gave_it_and_why(settings: Settings) -> None:
    run(settings, "label", "account", "acct-1", "benign", "--author", "ada", "--note", "a course")
    found = first_label(settings)
    assert {name: getattr(found, name) for name in ("entity_kind", "entity_id", "verdict", "author", "note")} == {
        "entity_kind": "account",
        "entity_id": "acct-1",
        "verdict": "benign",
        "author": "ada",
        "note": "a course",
    }


@pytest.fixture
def case_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let ClickHouse have one case: two alerted entities of its own, and one that came with case-2."""

    def known(state: str = "open", *entities: tuple[str, str | None], into: str | None = None, label: str | None = None) -> None:
        links = entities or (("extraction:router:aa", None), ("extraction:payment:bb", None), ("extraction:account:cc", "case-2"))
        shown = [Link(entity, 0.0, "", case) for entity, case in links]
        decided = labels.make("case", "case-1", label, "ada") if label else None
        payload = CasePayload(members={"acct-1": CaseMember(0.0, None)}, links=shown, merged_into=into, label=decided)
        row = CaseRow("case-1", 1, NOON, NOON, state, "extraction", "", 3, 1.0, 1.0, 20.0, 0.0, muted=False, payload=payload)
        monkeypatch.setattr(terminal, "find", lambda _clickhouse, _beginning: row)

    return known


@pytest.mark.parametrize("link", ["case-2", "payment:bb", "extraction:payment:bb"])
def test_a_split_names_case_and_link(settings: Settings, case_of: Callable[..., None], link: str) -> None:
    case_of()
    said = run(settings, "case", "split", "1", link, "--author", "ada", "--note", "another customer")
    found = first_label(settings)
    assert re.fullmatch(rf"case-1 without {link}, which becomes case-\w+: label {found.label_id} recorded\n", said)
    assert link != "case-2" or "becomes case-2:" in said
    assert (found.entity_kind, found.entity_id, found.verdict) == ("link", f"case-1/{link}", "split")


def test_what_a_case_does_not_have_cannot_be_split_from_it(case_of: Callable[..., None]) -> None:
    case_of()
    with pytest.raises(UnknownLinkError, match=r"case-1 has no link 'case-9': it has .*router:aa, extraction:payment:bb, case-2$"):
        CliRunner(env={"HYDROMETER_MODE": "local"}).invoke(cli, ["case", "split", "case-1", "case-9"], catch_exceptions=False)


def test_nothing_is_split_from_a_case_of_one_link_or_a_merged_one(case_of: Callable[..., None]) -> None:
    runner = CliRunner(env={"HYDROMETER_MODE": "local"})
    case_of("open", ("extraction:router:aa", None))
    with pytest.raises(UnknownLinkError, match="router:aa is the only link of case-1"):
        runner.invoke(cli, ["case", "split", "case-1", "router:aa"], catch_exceptions=False)
    case_of(into="case-0")
    with pytest.raises(UnknownLinkError, match="case-1 was merged: split case-0 instead"):
        runner.invoke(cli, ["case", "split", "case-1", "router:aa"], catch_exceptions=False)


def test_an_account_is_excluded_with_a_reason(settings: Settings, case_of: Callable[..., None]) -> None:
    case_of()
    run(settings, "case", "exclude", "case-1", "acct-1", "--reason", "education", "--author", "ada")
    found = first_label(settings)
    assert (found.entity_kind, found.entity_id, found.verdict, found.reason) == ("member", "case-1/account:acct-1", "exclude", "education")


def test_an_account_that_a_case_does_not_have_is_not_excluded_from_it(case_of: Callable[..., None]) -> None:
    case_of()
    with pytest.raises(HydrometerError, match="case-1 has not the account acct-9: see `hydrometer case show`"):
        CliRunner(env={"HYDROMETER_MODE": "local"}).invoke(
            cli, ["case", "exclude", "case-1", "acct-9", "--reason", "other"], catch_exceptions=False
        )


@pytest.mark.parametrize(
    ("state", "earlier", "verdict", "said"),
    [
        ("open", None, "benign", "the case is resolved"),
        ("resolved", None, "distilling", "it stays resolved"),
        ("resolved", "benign", "distilling", "the alerts that a label had closed are open again"),
        ("resolved", "benign", "benign", ""),
        ("open", None, "distilling", ""),
    ],
)
def test_a_label_says_what_becomes_of_the_case(
    settings: Settings, case_of: Callable[..., None], state: str, earlier: str | None, verdict: str, said: str
) -> None:
    case_of(state, label=earlier)
    first, *rest = run(settings, "label", "case", "case-1", verdict, "--author", "ada").splitlines()
    assert first.startswith(f"case case-1: {verdict}, by ada")
    assert (rest == []) == (said == "")
    assert all(line.startswith(said) for line in rest)


def test_an_account_that_was_never_seen_is_a_warning_and_its_label_is_stored(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "seen", lambda _clickhouse, _kind, _name: False)
    assert "warning: no account called acct-typo was ever seen" in run(settings, "label", "account", "acct-typo", "benign")
    assert first_label(settings).entity_id == "acct-typo"


def test_where_clickhouse_does_not_answer_nobody_is_called_unknown(settings: Settings) -> None:
    assert "warning" not in run(settings, "label", "account", "acct-1", "benign")
