from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from streams.cases import audit_chain


def written(versions: int) -> dict[str, Any]:
    """The payload of the last of some versions, as it is stored."""
    entries: list[dict[str, Any]] = []
    payload: dict[str, Any] = {}
    for version in range(1, versions + 1):
        payload = {"summary": f"version {version}", "leak": {"requests": 10.0 * version}}
        row = {"version": version, "updated_at": 60.0 * version, "state": "open", "accounts": version, "requests": 10.0 * version}
        entries = audit_chain.extended(entries, row | {"extraction": 20.0, "routing": 3.0, "payload": payload})
    stored: dict[str, Any] = orjson.loads(orjson.dumps(payload | {"history": entries}))
    return stored


def test_an_untouched_history_holds() -> None:
    assert audit_chain.broken(written(3)) is None


@pytest.mark.parametrize("field", ["version", "updated_at", "state", "accounts", "requests", "extraction", "routing", "content", "hash"])
def test_a_change_of_any_figure_is_found_at_its_version(field: str) -> None:
    payload = written(3)
    changed = payload["history"][1]
    changed[field] = 99 if isinstance(changed[field], int | float) else "changed"
    assert audit_chain.broken(payload) == changed["version"]


def test_a_version_that_was_dropped_is_found_at_the_next() -> None:
    payload = written(3)
    del payload["history"][1]
    assert audit_chain.broken(payload) == 3


def test_a_payload_that_was_changed_is_not_that_of_the_last_version() -> None:
    payload = written(3)
    payload["leak"]["requests"] = 1.0
    assert audit_chain.broken(payload) == 3


def test_extending_a_history_leaves_the_old_one_as_it_was() -> None:
    entries = written(2)["history"]
    before = copy.deepcopy(entries)
    row = {"version": 3, "updated_at": 1.0, "state": "open", "accounts": 1, "requests": 1.0, "extraction": 1.0, "payload": {}}
    row["routing"] = 1.0
    assert audit_chain.extended(entries, row)[:2] == before == entries
