from __future__ import annotations

import copy
from typing import Any

import msgspec
import orjson
import pytest

from streams.cases import audit_chain
from streams.schema.cases import Case, CasePayload, Leak, Version


def written(versions: int) -> dict[str, Any]:
    """The payload of the last of some versions, as it is stored."""
    entries: list[Version] = []
    for version in range(1, versions + 1):
        entries = audit_chain.extended(entries, a_version(version))
    payload = msgspec.structs.replace(a_version(versions).payload, history=entries)
    stored: dict[str, Any] = orjson.loads(payload.encode())
    return stored


def a_version(version: int) -> Case:
    payload = CasePayload(summary=f"version {version}", leak=Leak(10.0 * version, 0.0, 0.0, 0.0, ""))
    figures = (version, 10.0 * version, 0.0, 20.0, 3.0)
    return Case("case-1", version, 0.0, 60.0 * version, "open", "extraction", "", *figures, muted=False, payload=payload)


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
    entries = msgspec.convert(written(2)["history"], list[Version])
    before = copy.deepcopy(entries)
    assert audit_chain.extended(entries, a_version(3))[:2] == before == entries
