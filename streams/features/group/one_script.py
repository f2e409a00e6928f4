"""Feature `one_script`."""

from __future__ import annotations

import math

import numpy as np

from models.accumulators.short import distinct, known_or_zero
from streams.features.declaration import Feature, count_of
from streams.features.members import Members

SOLE_TEMPLATE_SHARE = 0.85
"""Share of an account's prompts from which the account does nearly nothing else."""
MIN_REQUESTS = 3
"""Requests from which an account can count as doing nothing else."""
MAX_PROGRAMS = 50.0


class OneScript(Feature):
    """Programs beyond the first whose accounts do nearly nothing but fill the group's one template.

    Shown, without a vote: API customers who share a template have it too. It is what makes a purpose the sole one (`attribution.purpose`).
    """

    entity = "group"
    reads_all = True
    family = "link"
    direction = "high"
    limits = (0.0, MAX_PROGRAMS)
    label = "Programs beyond the first that only fill the group's template"
    unit = count_of("programs")
    rises_on = "one job spread over unrelated software to look like many customers"
    blind_to = "jobs on one stack, and jobs mixed into chat"
    benign_causes = "API customers who share a template"

    @staticmethod
    def value(members: Members) -> float:
        """Return the different routers of such accounts, less one, 0 without a common template; NaN where no prompt is known."""
        if not np.isfinite(members.template_share).any():
            return math.nan
        if members.kind != "template":
            return 0.0
        only = (
            (known_or_zero(members.template_share) >= SOLE_TEMPLATE_SHARE)
            & (members.links["router"] != 0)
            & (members.total >= MIN_REQUESTS)
        )
        return float(min(max(len(distinct(members.links["router"][only])) - 1, 0), MAX_PROGRAMS))
