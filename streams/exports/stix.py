"""A case as a STIX 2.1 bundle (docs.oasis-open.org/cti/stix/v2.1), for partners: a campaign, its techniques, indicators of its software.

It holds no account and no customer. Ids follow from the case, so that an export of a later version replaces the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from streams.cases.views.terminal import CaseRow
from streams.core.errors import HydrometerError, MissingToolError
from streams.exports.bundle import Indicators
from streams.exports.ocsf import Json
from streams.schema import atlas
from streams.schema.cases import Tlp

NAMESPACE: Final = UUID("a2b87d5e-6a0c-5b9e-9a2e-0c5a8f1d3e47")
"""Of our ids (UUID version 5, RFC 9562)."""
MARKINGS: Final[dict[Tlp, str]] = {
    "CLEAR": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "GREEN": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "AMBER": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "AMBER+STRICT": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "RED": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""The marking definitions of TLP 2.0 (github.com/oasis-open/cti-stix-common-objects)."""
_TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_TLP_CREATED: Final = "2022-10-01T00:00:00.000Z"
_HEADER: Final = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"
_ATLAS: Final = "https://atlas.mitre.org/techniques"
_PATHS: Final = {"user_agent": _HEADER}
"""STIX's own path of a column; the others are properties of a custom object, `x-api-client`."""


def document(case: CaseRow, shown: Indicators, tlp: Tlp) -> str:
    """Return a case as a STIX bundle in JSON.

    Args:
        case: The case.
        shown: What may be shared of it.
        tlp: The mark of every object.

    Raises:
        MissingToolError: The package stix2 is not installed.
        HydrometerError: An object is not valid STIX.
    """
    try:
        import stix2  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingToolError("STIX needs the package stix2: pip install 'hydrometer[sharing]'") from error
    try:
        name = _id("bundle", case.case_id, case.version)
        return str(stix2.Bundle(_marking(tlp), *_objects(stix2, case, shown, tlp), id=name).serialize(pretty=True))
    except stix2.exceptions.STIXError as error:
        raise HydrometerError(f"{case.case_id} cannot be written as STIX: {error}") from error


def _objects(stix2: Any, case: CaseRow, shown: Indicators, tlp: Tlp) -> Iterator[Any]:
    identity = stix2.Identity(id=_id("identity", "hydrometer"), name="Hydrometer", identity_class="system", **_made(case, case.opened_at))
    common = {**_made(case, case.updated_at), "created_by_ref": identity.id, "object_marking_refs": [MARKINGS[tlp]]}
    campaign = stix2.Campaign(
        id=_id("campaign", case.case_id),
        name=f"Model distillation, {case.case_id}" if case.behaviour == "extraction" else f"Masked routing, {case.case_id}",
        description=f"{case.accounts:,} accounts sent {case.requests:,.0f} requests. A score ranks a queue; a person decides.",
        first_seen=case.opened_at.astimezone(UTC),
        last_seen=case.updated_at.astimezone(UTC),
        **common,
    )
    yield from (identity, campaign)
    for technique in (name for name in shown.atlas if name.startswith("AML.T")):
        pattern = stix2.AttackPattern(
            id=_id("attack-pattern", technique),
            name=atlas.NAMES.get(technique, technique),
            external_references=[{"source_name": "mitre-atlas", "external_id": technique, "url": f"{_ATLAS}/{technique}"}],
            **common,
        )
        yield pattern
        yield stix2.Relationship(campaign, "uses", pattern, id=_id("relationship", case.case_id, technique), **common)
    for column, values in shown.observed.items():
        for value in values:
            indicator = stix2.Indicator(
                id=_id("indicator", case.case_id, column, value.value),
                name=f"{column} {value.value}",
                description=f"{value.share:.1%} of the case's requests show it. {shown.note}",
                pattern=f"[{_PATHS.get(column, f'x-api-client:{column}')} = '{_escaped(value.value)}']",
                pattern_type="stix",
                indicator_types=["anomalous-activity"],
                valid_from=case.opened_at.astimezone(UTC),
                **common,
            )
            yield indicator
            yield stix2.Relationship(indicator, "indicates", campaign, id=_id("relationship", case.case_id, column, value.value), **common)


def _marking(tlp: Tlp) -> Json:
    """Return the marking definition, which every bundle carries, so that it stands alone."""
    extension = {_TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": tlp.lower()}}
    kept = {"type": "marking-definition", "spec_version": "2.1", "id": MARKINGS[tlp], "created": _TLP_CREATED, "name": f"TLP:{tlp}"}
    return {**kept, "extensions": extension}


def _made(case: CaseRow, modified: datetime) -> dict[str, datetime]:
    return {"created": case.opened_at.astimezone(UTC), "modified": modified.astimezone(UTC)}


def _id(kind: str, *of: object) -> str:
    return f"{kind}--{uuid5(NAMESPACE, '/'.join(map(str, (kind, *of))))}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
