"""Feature `account_age`."""

from __future__ import annotations

from streams.features.declaration import DAYS, LOGARITHMIC, Feature
from streams.features.expressions import col
from streams.features.readings import days_since


class AccountAge(Feature):
    """Days since the account was created, as ln(1 + x): low is young."""

    entity = "account"
    family = "cohort"
    direction = "low"
    limits = (0.0, 8.5)
    label = "Age of the account"
    unit = DAYS
    scale = LOGARITHMIC
    rises_on = "fresh accounts"
    blind_to = "accounts that were bought aged"
    benign_causes = "every new customer"
    value = days_since(col.account_created).log()
