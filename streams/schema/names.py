"""The names of entities, `kind:id`, and of alerts, `behaviour:kind:id`: written and taken apart here alone."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, get_args

Behaviour = Literal["extraction", "routing"]
BEHAVIOURS: Final[tuple[Behaviour, ...]] = get_args(Behaviour)

ROUTER_ID: Final = re.compile("[0-9a-f]{16}")
"""The id of a router: its hash as `entity_key` writes it."""


class EntityName(NamedTuple):
    """The key of an entity, taken apart."""

    kind: str
    id: str

    @classmethod
    def parse(cls, key: str) -> EntityName:
        """Read `kind:id`. An id may have colons itself.

        >>> EntityName.parse("account:a:b")
        EntityName(kind='account', id='a:b')
        """
        kind, _, entity_id = key.partition(":")
        return cls(kind, entity_id)


class AlertName(NamedTuple):
    """The id of an alert, taken apart."""

    behaviour: Behaviour
    key: str
    """`kind:id` of the entity."""

    @classmethod
    def parse(cls, alert_id: str) -> AlertName:
        """Read `behaviour:kind:id`.

        >>> AlertName.parse("routing:router:00000000000000aa")
        AlertName(behaviour='routing', key='router:00000000000000aa')
        """
        behaviour, _, key = alert_id.partition(":")
        return cls("routing" if behaviour == "routing" else "extraction", key)


def entity_key(kind: str, entity_id: str | int) -> str:
    """Return the key of an entity.

    Args:
        kind: As in `models.evidence.links.LINK_KINDS`, or `account`.
        entity_id: Its id; a hash, as a number, is written as 16 hexadecimal digits.

    >>> entity_key("account", "a-1"), entity_key("router", 170)
    ('account:a-1', 'router:00000000000000aa')
    """
    return f"{kind}:{entity_id}" if isinstance(entity_id, str) else f"{kind}:{entity_id:016x}"


def member_key(case_id: str, account: str) -> str:
    """Return the entity id of a label on one account of a case: `case id/account:id`."""
    return f"{case_id}/{entity_key('account', account)}"


def alert_name(behaviour: str, key: str) -> str:
    """Return the id of the alert on an entity. key: `kind:id`."""
    return f"{behaviour}:{key}"
