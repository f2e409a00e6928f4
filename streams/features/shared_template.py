"""Feature `shared_template`."""

from __future__ import annotations

import numpy as np

from models.cohort import divergence
from streams.feature import Feature
from streams.pipeline.members import Members

MOST_UNITS = 20
ORDINARY = 0.04
"""Share of a group's prompts that one template may have without being remarkable."""
LEAST_LIFT = 3.0


def leading_template(members: Members) -> tuple[int, float]:
    """Return the template of most of what the group's prompts harvest, and its share of them; 0 and 0.0 when none shows."""
    used = members.template != 0
    requests = np.nan_to_num(members.requests)
    if not used.any() or requests.sum() <= 0:
        return 0, 0.0
    shows = (np.nan_to_num(members.job_share) * requests)[used]
    templates, which = np.unique(members.template[used], return_inverse=True)
    share = np.bincount(which, weights=shows) / requests.sum()
    return int(templates[share.argmax()]), float(share.max())


class SharedTemplate(Feature):
    """How much of the group's prompts fill one rare template and get what is harvested, in nats: a vote a unit, 20 at most.

    Rises on: one job over several accounts, also when it is mixed into ordinary chat. Blind to: paraphrased templates, jobs with
    answers of middling length, and accounts under one organisation, which vote once.
    """

    entity = "group"
    family = "content"
    direction = "high"
    limits = (0.0, 15.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return min(units, 20) times the divergence of the best template's share from what is ordinary, in nats."""
        template, share = leading_template(members)
        if not template:
            return 0.0
        users = members.template == template
        everywhere = float(np.exp(-np.nan_to_num(members.template_rarity[users]).min()))
        if share < LEAST_LIFT * everywhere:
            return 0.0
        voters = len(np.unique(members.unit[users]))
        return min(voters, MOST_UNITS) * float(divergence(np.array(share), np.array(max(ORDINARY, everywhere))))

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
