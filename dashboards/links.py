"""Links of ids: every id on every board opens the board about it, in the same time range."""

from __future__ import annotations

from typing import Final

from dashboards.query import Json

_RANGE: Final = "${__url_time_range}"


def uid_of(board: str) -> str:
    """Return the uid of the board of a module in `dashboards/boards`; `board` is the module's name, with or without packages.

    >>> uid_of("dashboards.boards.case"), uid_of("case")
    ('hydrometer-case', 'hydrometer-case')
    """
    return f"hydrometer-{board.rpartition('.')[2]}"


CASE: Final = uid_of("case")
ACCOUNT: Final = uid_of("account")
ROUTER: Final = uid_of("router")


def to_case(column: str = "case_id") -> Json:
    """Open the case that `column` of the clicked row names."""
    return _link("Open the case", f"/d/{CASE}?var-case={_cell(column)}")


def to_account(column: str = "account_id") -> Json:
    """Open the account that `column` of the clicked row names."""
    return _link("Open the account", f"/d/{ACCOUNT}?var-account={_cell(column)}")


def to_group(kind: str, column: str) -> Json:
    """Open the group of a kind (router, payment, template, behaviour) that `column` of the clicked row names."""
    return _link(f"Open the {kind}", f"/d/{ROUTER}?var-kind={kind}&var-group={_cell(column)}")


def to_group_of(kind: str, label: str) -> Json:
    """Open the group of a kind that a label of the clicked series names."""
    return _link(f"Open the {kind}", f"/d/{ROUTER}?var-kind={kind}&var-group=${{__field.labels.{label}:percentencode}}")


def to_path(title: str, column: str) -> Json:
    """Open the path that a column of the clicked row holds, for rows about entities of several kinds."""
    return _link(title, f"${{__data.fields.{column}}}")


def to_path_of(title: str, label: str) -> Json:
    """Open the path that a label of the clicked series holds."""
    return _link(title, f"${{__field.labels.{label}}}")


def to_board(title: str, uid: str, *, new_tab: bool = False) -> Json:
    """Open the board `uid` from the head of another one, in a `new_tab` if asked."""
    return {
        "title": title,
        "type": "link",
        "url": f"/d/{uid}",
        "icon": "dashboard",
        "tooltip": title,
        "tags": [],
        "asDropdown": False,
        "targetBlank": new_tab,
        "includeVars": False,
        "keepTime": True,
    }


def path_of(kind: str, entity: str) -> str:
    """Return the SQL expression of the path to an entity's board; kind and entity: SQL expressions."""
    account = f"concat('/d/{ACCOUNT}?var-account=', encodeURLComponent({entity}))"
    group = f"concat('/d/{ROUTER}?var-kind=', {kind}, '&var-group=', encodeURLComponent({entity}))"
    return f"if({kind} = 'account', {account}, {group})"


def _cell(column: str) -> str:
    return f"${{__data.fields.{column}:percentencode}}"


def _link(title: str, path: str) -> Json:
    return {"title": title, "url": f"{path}&{_RANGE}", "targetBlank": False}
