from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.evidence.weighing import ALERT_THRESHOLD_NATS, SUSPECT_NATS
from streams.cases.policy import DEFAULT, Policy
from streams.core.errors import SettingsError
from streams.core.word_hash import hash_word

THRESHOLDS = """
[[threshold]]
behaviour = "routing"
nats = 6.0
since = 2026-11-01
author = "ada"
approver = "bob"
reason = "measured"
"""


def threshold(nats: float, since: str, author: str = "ada", approver: str = "bob") -> str:
    text = f'[[threshold]]\nbehaviour = "extraction"\nnats = {nats}\nsince = {since}\n'
    return f'{text}author = "{author}"\napprover = "{approver}"\nreason = "measured"\n'


def policy(tmp_path: Path, *entries: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(THRESHOLDS + "".join(entries))
    return Policy.load(policy=path)


def permitting(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "parties.toml"
    path.write_text(text)
    return Policy.load(path)


def party(key: str, name: str, expires: str = "2027-01-01") -> str:
    return f'[[party]]\n{key} = "{name}"\nowner = "partnerships"\nreason = "contract 17"\nexpires = {expires}\n'


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[partys]]\naccount = "acct-1"', "partys is not a table of this file"),
        ('[party]\naccount = "acct-1"', "party is not a table of this file"),
        ('[[party]]\nacc = "acct-1"\nowner = "a"\nreason = "b"\nexpires = 2027-01-01', "has no key acc"),
    ],
)
def test_a_permitted_parties_file_with_an_unknown_table_or_key_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "permitted.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        Policy.load(path)


def test_the_policy_beside_the_code_has_both_bars_and_terms_for_both_behaviours() -> None:
    known = Policy.load()
    assert known.threshold_nats("extraction", 0.0) > known.threshold_nats("routing", 0.0) > 0
    assert [clause.id for clause in known.terms("extraction")] == ["competing-models", "automated-extraction"]
    assert [clause.id for clause in known.terms("routing")] == ["transfer-of-access"]


def test_the_newest_threshold_in_force_counts_wherever_it_stands_in_the_file(tmp_path: Path) -> None:
    known = policy(tmp_path, threshold(18.0, "2026-12-01"), threshold(15.0, "2026-11-01"))
    assert known.threshold_nats("extraction", at("2026-11-30T23:59:59")) == 15.0
    assert known.threshold_nats("extraction", at("2026-12-01T00:00:00")) == 18.0
    assert known.threshold_nats("extraction", at("1999-01-01T00:00:00")) == 15.0


def test_a_threshold_keeps_who_wrote_and_who_approved_it(tmp_path: Path) -> None:
    found = policy(tmp_path, threshold(15.0, "2026-11-01")).threshold("extraction", 0.0)
    assert (found.author, found.approver, found.reason) == ("ada", "bob", "measured")


@pytest.mark.parametrize("approver", ["ada", "Ada", " ada "])
def test_nobody_approves_a_threshold_of_their_own(tmp_path: Path, approver: str) -> None:
    with pytest.raises(SettingsError, match="was approved by its author, ada: ask another person"):
        policy(tmp_path, threshold(15.0, "2026-11-01", "ada", approver))


def test_a_threshold_without_an_approver_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a \[\[threshold\]\] lacks approver"):
        policy(tmp_path, threshold(15.0, "2026-11-01").replace('approver = "bob"\n', ""))


@pytest.mark.parametrize("nats", ['"high"', "nan", "-1.0", "true"])
def test_a_bar_is_a_number_of_nats(tmp_path: Path, nats: str) -> None:
    with pytest.raises(SettingsError, match="nats"):
        policy(tmp_path, threshold(15.0, "2026-11-01").replace("15.0", nats))


def test_a_bar_that_would_alert_without_any_named_rule_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(DEFAULT.read_text(encoding="utf-8").replace("nats = 13.0", "nats = 6.5"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"no named rule holds: choose more than 6\.5"):
        Policy.load(None, path)


def test_a_policy_without_a_bar_says_which_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no \[\[threshold\]\] for extraction"):
        policy(tmp_path)


def test_a_permission_holds_until_the_end_of_its_last_day(tmp_path: Path) -> None:
    known = permitting(tmp_path, party("account", "ada", "2026-11-02"))
    assert known.permission("ada", "", "", at("2026-11-02T23:59:59")) is not None
    assert known.permission("ada", "", "", at("2026-11-03T00:00:01")) is None
    assert known.permission("bob", "", "", at("2026-11-02T12:00:00")) is None


def test_an_organisation_or_a_router_permits_all_its_accounts(tmp_path: Path) -> None:
    known = permitting(tmp_path, party("organization", "org-1") + party("router", "00000000000000aa"))
    assert known.permission("ada", f"{hash_word('org-1'):016x}", "", 0.0) is not None
    found = known.permission("ada", "", "00000000000000aa", 0.0)
    assert found is not None
    assert (found.owner, found.reason) == ("partnerships", "contract 17")


@pytest.mark.parametrize(
    "text",
    [
        party("country", "SE"),
        party("account", "ada").replace("expires = 2027-01-01", 'expires = "never"'),
        party("account", "ada").replace('owner = "partnerships"\n', ""),
        party("account", "ada").replace('account = "ada"', 'account = "ada"\nrouter = "00000000000000aa"'),
        party("router", "r-00000000000000aa"),
        "[[party]",
    ],
)
def test_a_permission_that_lacks_something_stops_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"parties\.toml"):
        permitting(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        Policy.load(tmp_path / "nowhere.toml")


def test_the_delivered_thresholds_are_those_that_evidence_is_scaled_to() -> None:
    """The trained model is scaled so that its alert and its question fall on these nats: one side alone would shift all alerts."""
    nats = {entry.behaviour: entry.nats for entry in Policy.load().thresholds}
    assert nats["extraction"] == ALERT_THRESHOLD_NATS
    assert nats["ask"] == pytest.approx(SUSPECT_NATS)
