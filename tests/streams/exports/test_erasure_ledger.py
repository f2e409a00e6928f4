"""Who was forgotten is known to a restore, and to nobody who has the file alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.core.settings import Settings
from streams.exports.erasure_ledger import ErasureLedger, LedgerError


def ledger(folder: Path, **given: Any) -> ErasureLedger:
    keys = {"signing_key": "the signing key of these tests", **given}
    return ErasureLedger(Settings(mode="local", state_dir=folder, **keys))


def test_accounts_since_a_mark_are_named_once_and_in_order(tmp_path: Path) -> None:
    own = ledger(tmp_path)
    own.begin()
    own.add("before")
    mark = own.mark()
    for account in ("é-1", "a-2", "é-1"):
        own.add(account)
    assert own.since(*mark) == ["é-1", "a-2"]
    assert own.since(0, ledger(tmp_path / "empty", erasures=empty(tmp_path)).mark()[1]) == ["before", "é-1", "a-2"]


def empty(folder: Path) -> Path:
    path = folder / "empty.jsonl"
    path.touch()
    return path


def test_the_file_names_no_account_and_is_its_owners(tmp_path: Path) -> None:
    own = ledger(tmp_path)
    own.add("acct-0042")
    own.add("acct-0042")
    first, second = own.path.read_bytes().splitlines()
    assert b"acct" not in first
    assert first.partition(b"account")[2] != second.partition(b"account")[2], "two lines of one account would look alike"
    assert own.path.stat().st_mode & 0o077 == 0


def test_a_key_that_was_changed_since_still_reads(tmp_path: Path) -> None:
    ledger(tmp_path).add("a-1")
    changed = ledger(tmp_path, signing_key="the next signing key of tests", signing_key_previous="the signing key of these tests")
    changed.add("a-2")
    assert changed.since(0, ledger(tmp_path, erasures=empty(tmp_path)).mark()[1]) == ["a-1", "a-2"]
    with pytest.raises(LedgerError, match="has a line that is damaged, or of another key"):
        ledger(tmp_path, signing_key="a third signing key of tests").since(0, ledger(tmp_path, erasures=empty(tmp_path)).mark()[1])


def test_another_ledger_or_an_older_copy_is_refused(tmp_path: Path) -> None:
    own = ledger(tmp_path)
    own.add("a-1")
    older = own.path.read_bytes()
    own.add("a-2")
    mark = own.mark()
    own.path.write_bytes(older)
    with pytest.raises(LedgerError, match="is not the ledger of erasures of that backup: bring back the newest copy of it"):
        own.since(*mark)


def test_a_ledger_that_cannot_be_written_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="name a file that this user may write in HYDROMETER_ERASURES"):
        ledger(tmp_path, erasures=tmp_path / "file" / "ledger").add("a-1")
