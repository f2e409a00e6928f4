"""A request that shows what others saw is marked with the indicator's id; without indicators nothing is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.privacy.indicators import RELOAD_SECONDS, IndicatorMatcher, shared_sketches
from streams.privacy.normalise import Normaliser
from streams.privacy.sketch import Sketcher
from streams.schema.blocks import decode
from streams.schema.event import Event
from streams.schema.indicators import Indicator, IndicatorKind, indicator_id, write_indicators
from streams.schema.layouts import REQUESTS

SHARED = b"a key that partners share"
EVENT = {"timestamp": 1.0, "event.id": "e", "account.id": "a"}
STACK = {"http.request.header_names": "Accept,X-Own", "http.request.header.accept-encoding": "gzip", "tls.client.ja4": "t13d_a_b"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def indicator(kind: IndicatorKind, value: str, until: float = 2000.0) -> Indicator:
    return Indicator(indicator_id(kind, value), kind, value, "a partner", "n", "AMBER", 0.0, until)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., Path]:
    """Keep these indicators: `kept(indicator(...), ...)`."""

    def keep(*indicators: Indicator) -> Path:
        path = tmp_path / "indicators.json"
        write_indicators(path, {one.indicator_id: one for one in indicators})
        return path

    return keep


def matched(matcher: IndicatorMatcher | None, *events: Event) -> list[str | None]:
    """Return what a block says of these requests."""
    normaliser = Normaliser(b"a key of pseudonyms", Sketcher(b"our own key"), matcher)
    columns = normaliser.columns([{**EVENT, **event} for event in events], [float(place) for place in range(len(events))])
    return decode(REQUESTS.encode(columns), REQUESTS).texts("indicator")


def test_without_a_file_of_indicators_nothing_is_said() -> None:
    assert matched(None, STACK) == [None]


def test_with_one_a_request_matches_or_does_not(kept: Callable[..., Path]) -> None:
    ja4 = indicator("tls_ja4", "t13d_a_b")
    assert matched(IndicatorMatcher(kept(ja4), clock=Clock()), STACK, {}) == [ja4.indicator_id, "none"]


@pytest.mark.parametrize(
    ("kind", "value", "event"),
    [
        ("payment", "sha256-of-a-card", {"payment.hash": "sha256-of-a-card"}),
        ("tls_ja3", "ab12", {"tls.client.ja3": "ab12"}),
        ("user_agent", "Codewright/2.4", {"user_agent.original": "Codewright/2.4"}),
        ("header_names", "Accept,X-Own", {"http.request.header_names": ["Host", "Accept", "X-Own"]}),
    ],
)
def test_each_kind_is_compared_as_its_senders_write_it(kept: Callable[..., Path], kind: IndicatorKind, value: str, event: Event) -> None:
    one = indicator(kind, value)
    assert matched(IndicatorMatcher(kept(one), clock=Clock()), event, STACK | {"payment.hash": "another"})[0] == one.indicator_id


def test_the_fingerprint_of_a_stack_is_the_same_under_other_keys(kept: Callable[..., Path]) -> None:
    other = Normaliser(b"another key of pseudonyms", Sketcher(b"another key"))
    (router,) = decode(REQUESTS.encode(other.columns([{**EVENT, **STACK}], [1.0])), REQUESTS).hashes("router").tolist()
    one = indicator("router", f"{router:016x}")
    assert matched(IndicatorMatcher(kept(one), clock=Clock()), STACK) == [one.indicator_id]


def test_a_wording_is_compared_by_its_sketch_under_the_shared_key(kept: Callable[..., Path]) -> None:
    system, opening = shared_sketches(SHARED, "Rate the answer from 1 to 10")
    by_system, by_opening = indicator("template", system), indicator("template", opening)
    matcher = IndicatorMatcher(kept(by_system, by_opening), SHARED, Clock())
    events = ({"system_prompt": "Rate the answer from 1 to 10"}, {"prompt": "Rate the answer from 3 to 30"}, {"prompt": "Hello"})
    assert matched(matcher, *events) == [by_system.indicator_id, by_opening.indicator_id, "none"]
    assert matched(IndicatorMatcher(kept(by_system), b"another key", Clock()), events[0]) == ["none"]


def test_of_several_the_one_is_named_that_fewest_strangers_share(kept: Callable[..., Path]) -> None:
    card, agent = indicator("payment", "a card"), indicator("user_agent", "curl/8")
    event = {"payment.hash": "a card", "user_agent.original": "curl/8"}
    assert matched(IndicatorMatcher(kept(agent, card), clock=Clock()), event) == [card.indicator_id]


def test_what_a_gateway_says_itself_stays(kept: Callable[..., Path]) -> None:
    matcher = IndicatorMatcher(kept(indicator("user_agent", "curl/8")), clock=Clock())
    assert matched(matcher, {"threat.indicator.id": "theirs", "user_agent.original": "curl/8"}) == ["theirs"]


def test_an_indicator_ends_and_a_changed_file_is_read_again(kept: Callable[..., Path]) -> None:
    clock, ja4, agent = Clock(), indicator("tls_ja4", "t13d_a_b", until=1100.0), indicator("user_agent", "curl/8")
    matcher = IndicatorMatcher(kept(ja4), clock=clock)
    events = (STACK, {"user_agent.original": "curl/8"})
    assert matched(matcher, *events) == [ja4.indicator_id, "none"]
    os.utime(kept(ja4, agent), ns=(1, 1))
    clock.now += RELOAD_SECONDS
    assert matched(matcher, *events) == [ja4.indicator_id, agent.indicator_id]
    clock.now = 1100.0 + RELOAD_SECONDS
    assert matched(matcher, *events) == ["none", agent.indicator_id]
