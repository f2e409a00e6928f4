"""What leaves a case when a person splits it, and the id of the case that this makes. It loads no models, so that a look is quick."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from streams.schema.cases import Link
from streams.schema.names import AlertName


def links_to_remove(links: Iterable[Link], entity: str) -> list[Link]:
    """Return the links to remove when an alerted entity (with or without its behaviour), or a merged case, is split off."""
    return [link for link in links if entity in (link.entity, AlertName.parse(link.entity).key, link.from_case)]


def split_off(links: Iterable[Link], entity: str, at: float) -> str:
    """Return the id of the case that a split makes, or opens again: that of the merged case, or of a new one.

    Args:
        links: The links of the case that is split; at least one is to be removed.
        entity: What is split off, as for `links_to_remove`.
        at: Time of the decision, seconds since 1970.
    """
    removed = links_to_remove(links, entity)
    return entity if removed[0].from_case == entity else named(removed[0].entity, at, removed[0].since)


def named(entity: str, time: float, since: float) -> str:
    """Return the id of a case that an alerted entity opens at a time. since: when the entity was alerted, seconds since 1970, as `time`."""
    return f"case-{blake2b(f'{entity} {time:.3f} {since:.3f}'.encode(), digest_size=6).hexdigest()}"
