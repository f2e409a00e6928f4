"""Pieces of SQL that several boards share: what a member is, what a group is, how evidence by family becomes columns."""

from __future__ import annotations

from typing import Final

from dashboards.palette import FAMILY
from dashboards.views import Column
from models.evidence import FAMILIES

FAMILY_COLUMNS: Final = {name: Column(color=color) for name, color in FAMILY.items()}
"""How the columns of `families` are drawn: each family in its colour."""

LEAKED_ACCOUNTS: Final = """
SELECT arrayJoin(JSONExtractKeys(payload, 'members')) FROM hydrometer.cases FINAL
WHERE state = 'open' AND behaviour = 'extraction' AND NOT muted
"""
"""Accounts that are members of an open extraction case."""

AGE: Final = """
multiIf(account_created IS NULL, 'unknown', time < account_created + INTERVAL 1 DAY, 'first day', time < account_created + INTERVAL 7
    DAY, 'first week',
time < account_created + INTERVAL 30 DAY, 'first month', time < account_created + INTERVAL 365 DAY, 'first year', 'older')
"""
"""The age of a request's account, in bands that sort."""


def families(source: str, aggregate: str = "{}") -> str:
    """Return a column a family, nats above zero only: against-evidence is shown elsewhere. source: a map; aggregate: e.g. `avg({})`."""
    return ", ".join(f"{aggregate.format(f'''greatest({source}['{name}'], 0)''')} AS {name}" for name in FAMILIES)


def hashed(variable: str) -> str:
    """Return the number that a variable of 16 hexadecimal digits writes, as the hash columns hold it; 0 when it is none."""
    return f"reinterpretAsUInt64(reverse(unhex({variable})))"


def as_hex(column: str) -> str:
    """Return a hash column as the 16 digits by which scores, alerts and cases name it; '' when unknown."""
    return f"if({column} = 0, '', lower(hex({column})))"


def per_minute(count: str) -> str:
    """Return a count of a bucket as a rate per minute."""
    return f"{count} * 60 / $__interval_s"
