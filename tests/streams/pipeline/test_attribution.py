"""A group's families, and when its purpose is plain."""

from __future__ import annotations

import numpy as np
import pytest

from models.evidence import CAP, FAMILIES, PLAIN
from streams.feature import features
from streams.pipeline import attribution

GROUP = features("group")
CONTENT = [place for place, feature in enumerate(GROUP) if feature.family == "content"]


def nats(*content: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = np.full(len(GROUP), np.nan)
    found[CONTENT[: len(content)]] = content
    return found


def test_content_adds_up_to_the_cap() -> None:
    assert attribution.group_families(GROUP, nats(2.0, 1.5))[FAMILIES.index("content")] == pytest.approx(3.5)
    assert attribution.group_families(GROUP, nats(9.0, 9.0))[FAMILIES.index("content")] == CAP


def test_a_purpose_is_plain_when_content_says_twice_what_a_family_may() -> None:
    assert attribution.plain(GROUP, nats(PLAIN - 1, 1.0))
    assert not attribution.plain(GROUP, nats(PLAIN - 1, 0.5))
    assert not attribution.plain(GROUP, nats())
