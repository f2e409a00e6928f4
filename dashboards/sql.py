"""Pieces of SQL that several boards share: what a member is, what a group is, how evidence by family becomes columns."""

from __future__ import annotations

from typing import Final

from dashboards.palette import FAMILY, GREYS
from dashboards.views import Column
from models.evidence.contributions import NO_RULE_PART, OTHER_VERSION, PRIOR, QUESTION_PART
from models.evidence.families import FAMILIES

FAMILY_COLUMNS: Final = {name: Column(color=color) for name, color in FAMILY.items()}
"""How the columns of `families` are drawn: each family in its colour."""
_NO_FAMILY: Final = (PRIOR, NO_RULE_PART, QUESTION_PART, OTHER_VERSION)
PART_COLUMNS: Final = FAMILY_COLUMNS | {name: Column(color=color) for name, color in zip(_NO_FAMILY, GREYS, strict=True)}
"""How the columns of `parts` are drawn: what is of no family is grey."""

COUNTED: Final = (
    "mapFromArrays(arrayMap(part -> JSONExtractString(part, 'family'), JSONExtractArrayRaw(payload, 'score', 'parts') AS parts), "
    "arrayMap(part -> toFloat32(JSONExtractFloat(part, 'counted')), parts))"
)
"""The parts of a payload's score by family: what is counted, so that they add up to the score."""

TIER: Final = "if(JSONExtractString(payload, 'tier') = 'ask', 'ask', 'alert')"
"""Of a case: `ask`, a question to the account holder, or `alert`, as all cases of before 0.3 are."""
ALERTED: Final = f"NOT muted AND {TIER} = 'alert'"
"""Of a case: it is of no permitted party, and more than a question to the account holder."""

LEAKED_ACCOUNTS: Final = f"""
SELECT name FROM hydrometer.case_lists WHERE part = 'members' AND case_id IN (
    SELECT case_id FROM hydrometer.cases FINAL WHERE state = 'open' AND behaviour = 'extraction' AND {ALERTED})
"""
"""Accounts that are members of an open extraction case."""

DECISIONS: Final = "SELECT * FROM hydrometer.enforcement FINAL ORDER BY time DESC LIMIT 1 BY decision_id"
"""The newest version of each decision that people took."""

HYPOTHESIS: Final = "concat(JSONExtractString(considered, 'hypothesis'), JSONExtractString(considered, 'persona'))"
"""The name of a benign hypothesis in one `considered` element of a payload's counter_evidence; rows until 0.2.0 call it persona."""

_SECONDS: Final = "(toUInt32(toDateTime(time)) - toUInt32(account_created))"
AGE_BANDS: Final = ("unknown", "first day", "first week", "first month", "first year", "older")
_BORDERS: Final = (1, 7, 30, 365)
"""Days at which the bands after the first begin."""
AGE: Final = f"ifNull(1 + {' + '.join(f'({_SECONDS} >= {days * 86_400})' for days in _BORDERS)}, 0)"
"""The age of a request's account, as the place in AGE_BANDS: names are put on the few rows that are left in the end.

A sum of comparisons: it takes a quarter of the time of the same `multiIf`.
"""


def families(source: str, aggregate: str = "{}") -> str:
    """Return a column a family, nats above zero only: against-evidence is shown elsewhere. source: a map; aggregate: e.g. `avg({})`."""
    return ", ".join(f"{aggregate.format(f'''greatest({source}['{name}'], 0)''')} AS {name}" for name in FAMILIES)


def parts(source: str) -> str:
    """Return a column for each part of a score, also for those against it: together they are the score. source: a map by COUNTED."""
    return ", ".join(f"{source}['{name}'] AS `{name}`" for name in PART_COLUMNS)


def per_minute(count: str) -> str:
    """Return a count of a bucket as a rate per minute."""
    return f"{count} * 60 / $__interval_s"
