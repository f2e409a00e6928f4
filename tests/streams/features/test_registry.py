from __future__ import annotations

from streams.features.registry import features


def test_features_are_found_by_the_entity_they_measure_in_the_order_of_their_names() -> None:
    names = [feature.name() for feature in features("account")]
    assert "egress_share" in names
    assert "evenness" not in names
    assert names == sorted(names)
