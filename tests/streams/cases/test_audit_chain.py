"""A history is attacked as somebody could who writes to ClickHouse, knows this code, and has no key."""

from __future__ import annotations

import copy
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import orjson
import pytest

from streams.cases.audit_chain import HistoryCheck, HistoryKey, content
from streams.core.errors import SettingsError
from streams.core.settings import SECRETS, Settings
from streams.schema.cases import Case, CasePayload, Leak, Version

OURS, THEIRS = HistoryKey(b"the workers' key"), HistoryKey(b"a guess of that key")
WORKERS, ANYBODY = HistoryCheck([OURS.public], [OURS]), HistoryCheck([OURS.public])

Payload = dict[str, Any]
Forge = Callable[[Payload], None]


def written(versions: int, case_id: str = "case-1", key: HistoryKey = OURS) -> Payload:
    """The payload of the last of some versions, as it is stored."""
    entries: list[Version] = []
    for version in range(1, versions + 1):
        entries = key.extended(entries, a_version(version, case_id))
    payload = a_version(versions, case_id).payload
    stored: Payload = orjson.loads(msgspec.structs.replace(payload, history=entries, signature=key.signature(case_id, entries)).encode())
    return stored


def a_version(version: int, case_id: str = "case-1") -> Case:
    payload = CasePayload(summary=f"version {version}", leak=Leak(10.0 * version, 0.0, 0.0, 0.0, ""))
    figures = (version, 10.0 * version, 0.0, 20.0, 3.0)
    return Case(case_id, version, 0.0, 60.0 * version, "open", "extraction", "", *figures, muted=False, payload=payload)


def test_an_untouched_history_holds_for_workers_and_for_anybody_with_the_public_key() -> None:
    assert WORKERS.fault("case-1", written(3)) is None
    assert ANYBODY.fault("case-1", written(3)) is None


@pytest.mark.parametrize("field", ["version", "updated_at", "state", "accounts", "requests", "extraction", "routing", "content", "hash"])
def test_a_change_of_any_figure_is_found_and_workers_know_at_which_version(field: str) -> None:
    payload = written(3)
    changed = payload["history"][1]
    changed[field] = 99 if isinstance(changed[field], int | float) else "changed"
    assert f"version {changed['version']} does not follow" in str(WORKERS.fault("case-1", payload))
    assert "the signature of its history does not hold" in str(ANYBODY.fault("case-1", payload))


def without_the_first(payload: Payload) -> None:
    del payload["history"][0]


def without_the_middle(payload: Payload) -> None:
    del payload["history"][1]


def truncated(payload: Payload) -> None:
    del payload["history"][-1]


def empty(payload: Payload) -> None:
    payload["history"] = []


def unsigned(payload: Payload) -> None:
    del payload["signature"]


def made_up(payload: Payload) -> None:
    payload["history"].append({**payload["history"][-1], "version": 4, "requests": 1.0})


def chained_anew_without_a_key(payload: Payload) -> None:
    """As the chain was made before it was keyed: whoever could write a row could make all hashes of it fit."""
    payload["history"][0]["requests"], previous = 1.0, ""
    for entry in payload["history"]:
        rest = {name: value for name, value in entry.items() if name != "hash"}
        previous = entry["hash"] = sha256(previous.encode() + orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def signed_with_another_key(payload: Payload) -> None:
    payload.update(written(3, key=THEIRS))


def of_another_case(payload: Payload) -> None:
    payload.update(written(3, "case-2"))


def with_the_signature_of_another_case(payload: Payload) -> None:
    payload["signature"] = written(3, "case-2")["signature"]


def with_the_signature_of_an_earlier_version(payload: Payload) -> None:
    payload["signature"] = written(2)["signature"]


def with_a_signature_that_is_none(payload: Payload) -> None:
    payload["signature"] = "not hex"


ATTACKS: list[Forge] = [
    without_the_first,
    without_the_middle,
    truncated,
    empty,
    unsigned,
    made_up,
    chained_anew_without_a_key,
    signed_with_another_key,
    of_another_case,
    with_the_signature_of_another_case,
    with_the_signature_of_an_earlier_version,
    with_a_signature_that_is_none,
]


@pytest.mark.parametrize("check", [WORKERS, ANYBODY], ids=["with the workers' key", "with the public key"])
@pytest.mark.parametrize("forge", ATTACKS, ids=lambda forge: forge.__name__)
def test_no_forged_history_passes(forge: Forge, check: HistoryCheck) -> None:
    payload = written(3)
    forge(payload)
    assert check.fault("case-1", payload) is not None


@pytest.mark.parametrize(
    "changed", [{"title": "a misunderstanding"}, {"muted": True}, {"behaviour": "routing"}, {"output_tokens": 1.0}, {"opened_at": 1.0}]
)
def test_a_digest_covers_the_columns_beside_the_payload(changed: dict[str, Any]) -> None:
    case, payload = a_version(1), written(1)
    assert content(case, payload) == payload["history"][0]["content"]
    assert content(msgspec.structs.replace(case, **changed), payload) != payload["history"][0]["content"]


def test_a_digest_covers_fields_that_this_version_does_not_know() -> None:
    payload = written(1)
    assert content(a_version(1), {**payload, "of tomorrow": 1}) != payload["history"][0]["content"]


def test_two_keys_are_believed_side_by_side() -> None:
    both = HistoryCheck([OURS.public, THEIRS.public], [OURS, THEIRS])
    assert both.fault("case-1", written(3)) is None
    assert both.fault("case-1", written(3, key=THEIRS)) is None
    broken = written(3, key=THEIRS)
    broken["history"][2]["requests"] = 0.0
    assert "version 3 does not follow" in str(both.fault("case-1", broken))


def test_a_history_goes_on_under_a_new_key() -> None:
    entries = msgspec.convert(written(2, key=THEIRS)["history"], list[Version])
    moved = OURS.rechained("case-1", entries)
    assert moved == msgspec.convert(written(2)["history"], list[Version])


def test_extending_a_history_leaves_the_old_one_as_it_was() -> None:
    entries = msgspec.convert(written(2)["history"], list[Version])
    before = copy.deepcopy(entries)
    assert OURS.extended(entries, a_version(3))[:2] == before == entries


def test_settings_name_the_public_keys_or_the_workers_key() -> None:
    production = dict.fromkeys(SECRETS, "not of interest here")
    by_name = HistoryCheck.of(Settings.model_validate({**production, "history_public_key": f"{THEIRS.public},{OURS.public}"}))
    assert by_name.fault("case-1", written(3)) is None
    with pytest.raises(SettingsError, match="HYDROMETER_HISTORY_PUBLIC_KEY is not 64 hex digits"):
        HistoryCheck.of(Settings.model_validate({**production, "history_public_key": "abc"}))
    with pytest.raises(SettingsError, match="neither HYDROMETER_WORKER_KEY nor HYDROMETER_SIGNING_KEY is set"):
        HistoryCheck.of(Settings.model_validate(production))


def test_a_long_history_lists_versions_of_all_its_time_so_that_growth_can_be_drawn() -> None:
    stored = written(901)
    moments = [entry["updated_at"] for entry in stored["history"]]
    assert (stored["history"][0]["version"], stored["history"][-1]["version"]) == (1, 901)
    assert max(after - before for before, after in pairwise(moments)) < (moments[-1] - moments[0]) / 6
    assert WORKERS.fault("case-1", stored) is None
    assert ANYBODY.fault("case-1", stored) is None
