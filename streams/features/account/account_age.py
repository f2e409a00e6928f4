"""Feature `account_age`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import days_since


class AccountAge(Feature):
    """Days since the account was created, as ln(1 + x): low is young.

    Rises on: fresh accounts, alone no sign of anything (it falls: low is what stands out). Blind to: bought and aged accounts.
    """

    entity = "account"
    family = "cohort"
    direction = "low"
    limits = (0.0, 8.5)
    value = days_since(col.account_created).log()
