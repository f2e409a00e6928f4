"""What a request claims to be is read without versions, and judged only where its transport is known."""

from __future__ import annotations

import numpy as np
import pytest

from streams.demo.stacks import CODING_TOOL, RELAY, Stack
from streams.schema.event import Event
from streams.stages.accounts.clients import Clients
from streams.testing.feature_trial import block_of

FIRST = np.array([0])


def columns(stack: Stack, **other: object) -> dict[str, object]:
    facts: Event = dict(stack.facts())
    return {
        "user_agent": facts["user_agent.original"],
        "tls_ja4": facts["tls.client.ja4"],
        "http_version": facts["network.protocol.version"],
        "header_names": ",".join(facts["http.request.header_names"]),
        "accept_encoding": facts["http.request.header.accept-encoding"],
        "body_shape": facts["http.request.body.shape"],
        "sdk_language": facts["sdk.language"],
        "sdk_runtime": facts["sdk.runtime"],
        **other,
    }


def read(stack: Stack, **other: object) -> Clients:
    return Clients.of(block_of(columns(stack, **other)))


def claimed(stack: Stack, **other: object) -> list[int]:
    """Claim, connection and head of a request."""
    found = read(stack, **other)
    return [int(each[0]) for each in (found.claim, found.connection, found.head)]


def test_another_version_of_a_program_is_the_same_claim() -> None:
    assert claimed(CODING_TOOL) == claimed(CODING_TOOL.at("9.9.9", "node v30.1.2"))


def test_a_relay_that_borrows_a_name_makes_the_same_claim_and_shows_something_else() -> None:
    claim, connection, head = claimed(RELAY)
    theirs = claimed(CODING_TOOL)
    assert claim == theirs[0]
    assert connection != theirs[1]
    assert head != theirs[2]


def test_headers_that_a_proxy_adds_change_nothing() -> None:
    names = ",".join(CODING_TOOL.headers.split())
    assert claimed(CODING_TOOL, header_names=f"Via,{names},X-Forwarded-For") == claimed(CODING_TOOL)


def test_who_borrows_the_name_and_forgets_the_sdk_is_compared_with_all_of_that_name() -> None:
    broad = read(CODING_TOOL).votes(FIRST)[0, 0]
    assert claimed(RELAY, sdk_language=None, sdk_runtime=None)[0] == broad != claimed(RELAY)[0]


@pytest.mark.parametrize("missing", ["tls_ja4", "header_names"])
def test_a_log_that_leaves_out_the_transport_leaves_its_clients_unjudged(missing: str) -> None:
    assert 0 in claimed(CODING_TOOL, **{missing: None})


def test_an_upgrade_that_changes_headers_and_body_leaves_four_of_six_parts() -> None:
    upgrades: tuple[dict[str, str], ...] = ({}, {"header_names": "a,b", "body_shape": "x"})
    before, after = (read(CODING_TOOL, **other).parts(FIRST)[0] for other in upgrades)
    assert (before == after).sum() == 4
