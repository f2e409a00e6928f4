"""What the members of a group share beside the link that made them one.

A router, a template, a network, a set of tools that others rarely have, in many payers of one group: each payer that shares it says
ln(m / u) for one party behind them, m being how often members share and u how often anybody does (Fellegi and Sunter 1969). Sharing is no
guilt: a class shares a network, an application's users share a program. It is one of three families that must speak.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.evidence.cohort import divergence
from streams.features.members import Members

KINDS: Final = ("router", "template", "subnet", "tools")
LEAST_PAYERS: Final = {"router": 3, "template": 3, "subnet": 2, "tools": 3}
"""Payers that must have a value for it to be shared. A subnet that few have is close to an address: two are enough."""
PUBLIC: Final = 0.03
"""Share of all accounts from which a value links nobody."""
CHANCE: Final = 0.02
"""No value counts as rarer than this: rarities are estimates, and 50 times chance is enough to speak."""
OWN_STACK: Final = 2.0
"""What a router says that few other accounts use: enough to speak, not to convict, for an application's users share a program too."""
LEAST_UNITS: Final = 3
SHOWS: Final = 0.1
CEILING: Final = 50.0

Mask = NDArray[np.bool_]


def shared(members: Members, kind: str) -> Mask:
    """Return which members have a value of this kind that several payers of the group have, and few others. (members,)."""
    key = ("shared", kind)
    if key not in members.memo:
        members.memo[key] = _shared(members, kind)
    mask: Mask = members.memo[key]
    return mask


def _shared(members: Members, kind: str) -> Mask:
    values, rarity = getattr(members, kind), np.nan_to_num(getattr(members, f"{kind}_rarity"))
    usable = (values != 0) & (rarity >= -np.log(PUBLIC))
    if kind == "template":
        usable &= np.nan_to_num(members.template_share) >= SHOWS
    if not usable.any():
        return np.zeros(len(members), np.bool_)
    found, which = np.unique(values[usable], return_inverse=True)
    pairs = np.unique(which * members.units + members.unit[usable])
    payers = np.bincount(pairs // members.units, minlength=len(found))
    mask = np.zeros(len(members), np.bool_)
    mask[np.flatnonzero(usable)[payers[which] >= LEAST_PAYERS[kind]]] = True
    return mask


def common_ground(members: Members) -> float:
    """Return what the payers of a group share beside its own link, in nats a payer, 0..CEILING.

    The link itself was no coincidence to be found; but a router that few others have says OWN_STACK.
    """
    units = members.units
    if units < LEAST_UNITS:
        return 0.0
    nats = 0.0
    for kind in KINDS:
        if kind == members.kind:
            rare = kind == "router" and float(np.nanmax(members.router_rarity, initial=0.0)) >= -np.log(PUBLIC)
            nats += OWN_STACK if rare else 0.0
            continue
        mask = shared(members, kind)
        if mask.any():
            share = len(np.unique(members.unit[mask])) / units
            nats += float(divergence(np.array(share), np.array(max(CHANCE, _by_chance(members, kind, mask)))))
    return min(nats, CEILING)


def _by_chance(members: Members, kind: str, mask: Mask) -> float:
    """Return the share of all accounts that have one of the values shared."""
    values, first = np.unique(getattr(members, kind)[mask], return_index=True)
    rarity: Floats = np.nan_to_num(getattr(members, f"{kind}_rarity"))[mask][first]
    return float(np.minimum(np.exp(-rarity).sum(), 1.0)) if len(values) else 0.0
