from __future__ import annotations

from streams.features.declaration import Feature


class LongPausesAt2(Feature):
    """A feature that no file declares."""


def test_a_feature_is_named_after_its_class() -> None:
    assert LongPausesAt2.name() == "long_pauses_at2"
