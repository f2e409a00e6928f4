"""Values that the members of a group share beside the link that formed the group.

If many payers of one group share a router, a template, a network or a set of tools that is rare among all accounts, each of them is
evidence of ln(m / u) nats for one operator, m being the share of members with the value and u the share of all accounts (Fellegi and Sunter
1969). Sharing alone is innocent: a class shares a network, an application's users share a program. Evidence needs three families.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from models.accumulators.short import distinct, known_or_zero, numbered
from models.arrays import Mask
from models.evidence.cohort import divergence
from models.evidence.links import MIN_PAYERS
from streams.features.members import Members, OncePerGroup

MIN_PUBLIC_VALUE_SHARE: Final = 0.03
"""Share of all accounts from which a value is public and is ignored as a link."""
MIN_CHANCE_SHARE: Final = 0.02
"""Smallest share of all accounts that a value is assumed to have: rarities are estimates."""
RARE_ROUTER_NATS: Final = 2.0
"""Nats of a group's own router if few other accounts use it. An application's users share a program too, so it is weak evidence."""
MIN_UNITS: Final = 3
"""Paying units from which a group has this evidence."""
MIN_LINKING_TEMPLATE_SHARE: Final = 0.1
"""Share of an account's prompts from which its template counts as shared."""
MAX_SHARED_NATS: Final = 50.0
"""Most nats of the feature."""


def shared(members: Members, kind: str) -> Mask:
    """Return which members have a value of this kind that several payers of the group have and few other accounts, (members,)."""
    return _SHARED[kind](members)


def _shared(members: Members, kind: str) -> Mask:
    """Compute `shared`.

    Three payers of a group have the rare network 5, a fourth has network 6:

    >>> from streams.testing.feature_trial import members_of
    >>> group = members_of(subnet=[5, 5, 5, 6], subnet_rarity=[9, 9, 9, 9], organization=[1, 2, 3, 4])
    >>> _shared(group, "subnet").tolist()
    [True, True, True, False]
    """
    values, rarity = members.links[kind], known_or_zero(members.rarities[kind])
    usable = (values != 0) & (rarity >= -np.log(MIN_PUBLIC_VALUE_SHARE))
    if kind == "template":
        usable &= known_or_zero(members.template_share) >= MIN_LINKING_TEMPLATE_SHARE
    if not usable.any():
        return np.zeros(len(members), np.bool_)
    different, which = numbered(values[usable])
    pairs = distinct(which * members.units + members.unit[usable])
    payers = np.bincount(pairs // members.units, minlength=len(different))
    mask = np.zeros(len(members), np.bool_)
    mask[np.flatnonzero(usable)[payers[which] >= MIN_PAYERS[kind]]] = True
    return mask


_SHARED: Final = {kind: OncePerGroup(partial(_shared, kind=kind)) for kind in MIN_PAYERS}


def common_ground(members: Members) -> float:
    """Return the evidence of what the payers of a group share beside its own link, nats per payer, 0..MAX_SHARED_NATS.

    The group's own link is not counted, because it selected the members; a router that few other accounts have counts RARE_ROUTER_NATS.
    """
    units = members.units
    if units < MIN_UNITS:
        return 0.0
    nats = 0.0
    for kind in MIN_PAYERS:
        if kind == members.kind:
            rare = kind == "router" and float(np.nanmax(members.rarities["router"], initial=0.0)) >= -np.log(MIN_PUBLIC_VALUE_SHARE)
            nats += RARE_ROUTER_NATS if rare else 0.0
            continue
        mask = shared(members, kind)
        if mask.any():
            share = len(distinct(members.unit[mask])) / units
            nats += float(divergence(np.array(share), np.array(max(MIN_CHANCE_SHARE, _by_chance(members, kind, mask)))))
    return min(nats, MAX_SHARED_NATS)


def _by_chance(members: Members, kind: str, mask: Mask) -> float:
    """Return the share of all accounts with one of the shared values, 0..1."""
    values, first = np.unique(members.links[kind][mask], return_index=True)
    rarity = known_or_zero(members.rarities[kind])[mask][first]
    return float(np.minimum(np.exp(-rarity).sum(), 1.0)) if len(values) else 0.0
