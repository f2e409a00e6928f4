"""What the state of groups and members holds, column by column."""

from __future__ import annotations

import pytest

from models.state.columns import Columns
from streams.schema import layouts
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.state import GroupState

KEY = b"a key of this test"


@pytest.mark.parametrize("table", [GroupState(0, 1, {}).table, GroupState(0, 1, {}).members], ids=["groups", "members"])
def test_every_column_says_what_it_holds_and_in_which_unit(table: Columns) -> None:
    assert [name for name, field in table.fields.items() if not field.doc] == []


def test_no_two_columns_of_a_table_were_stored_under_one_name_before() -> None:
    for table in (GroupState(0, 1, {}).table, GroupState(0, 1, {}).members, Accounts(0, 1, KEY).table):
        former = [name for field in table.fields.values() for name in field.formerly]
        assert len(former) == len(set(former))
        assert not set(former) & set(table.fields)


def test_what_travels_under_another_name_is_a_column_of_its_block() -> None:
    assert set(layouts.GROUP_ROW_NAMES.values()) <= set(layouts.GROUPS.columns)
    assert not set(layouts.GROUP_ROW_NAMES) & set(layouts.GROUPS.columns)
    assert set(layouts.GROUP_ROW_NAMES) <= set(GroupState(0, 1, {}).members.fields)
