"""Features `member_*`: how far the typical member of a group stands out by itself, one feature a family of evidence."""

from __future__ import annotations

import math

import numpy as np

from models.evidence.units import trimmed_mean
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS
from streams.features.declaration import NATS, Family, Feature, value_in_nats
from streams.features.members import Members


def member(family: Family, label: str, rises_on: str, blind_to: str) -> type[Feature]:
    """Return the feature `member_<family>`: the mean of its members' own evidence of one family, a tenth cut off at both ends.

    Args:
        family: Whose evidence, and the family in which the feature votes.
        label: See `Feature`; `rises_on` and `blind_to` likewise.
        rises_on: What makes it high.
        blind_to: What it does not see.
    """

    def value(members: Members) -> float:
        nats = members.family(family)
        return trimmed_mean(nats) if np.isfinite(nats).any() else math.nan

    fixed = {
        "entity": "group",
        "family": family,
        "direction": "high",
        "limits": (MIN_LEVEL_NATS, MAX_FAMILY_NATS),
        "unit": NATS,
        "nats": value_in_nats,
    }
    declared = {"label": label, "rises_on": rises_on, "blind_to": blind_to, "value": value}
    return type(f"Member{family.capitalize()}", (Feature,), {**fixed, **declared, "__module__": __name__})


FEATURES = (
    member(
        "change",
        "Change of model by the typical member",
        "groups whose members all move to a new model at once",
        "groups that stay with their model",
    ),
    member(
        "client",
        "Clients of the typical member",
        "resellers and pools, whose members each carry many clients",
        "relays that rewrite the client",
    ),
    member(
        "network",
        "Networks of the typical member",
        "groups whose members all rotate through proxies or run in rented machines",
        "residential exits that stay",
    ),
    member(
        "parameters",
        "Parameters of the typical member",
        "groups whose members all run one kind of job",
        "jobs with default parameters",
    ),
    member(
        "timing",
        "Timing of the typical member",
        "groups whose members are all paced by machines",
        "jitter that imitates people",
    ),
    member(
        "volume",
        "Volume of the typical member",
        "groups of heavy accounts",
        "campaigns spread over many light accounts",
    ),
)
"""`member_content` is a feature of its own: content adds up over payers, and its typical member is the median."""
