from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from streams.features import registry
from streams.features.declaration import Feature
from streams.features.group.evenness import Evenness
from streams.features.registry import FEATURE_ENTRY_POINTS, FeatureLoadError, by_name, features, loaded


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, FEATURE_ENTRY_POINTS)


class Bare(Feature):
    """A feature that declares nothing."""


class Foreign(Evenness):
    """A feature of a family that does not exist."""

    family = "astrology"


def test_features_are_found_by_the_entity_they_measure_in_the_order_of_their_names() -> None:
    names = [feature.name() for feature in features("account")]
    assert "egress_share" in names
    assert "evenness" not in names
    assert names == sorted(names)


def test_every_feature_is_found_by_its_name() -> None:
    assert by_name()["evenness"] is Evenness
    assert len(by_name()) == len(features("account")) + len(features("group"))


def test_a_feature_of_an_installed_package_is_loaded_by_its_name() -> None:
    assert loaded([point("evenness", "streams.features.group.evenness:Evenness")]) == {"evenness": Evenness}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gone", "no_such_module:Gone", r"feature gone \(no_such_module:Gone\) cannot be loaded \(No module named 'no_such_module'\)"),
        ("gone", "streams.features.group.evenness:Gone", "cannot be loaded .*has no attribute 'Gone'"),
        ("hour", "models.durations:HOUR", "is not a Feature: name a subclass of"),
        ("even", "streams.features.group.evenness:Evenness", "is called evenness, after its class: name the entry point evenness"),
    ],
)
def test_one_that_cannot_be_used_is_one_line_that_says_why(name: str, value: str, message: str) -> None:
    with pytest.raises(FeatureLoadError, match=message) as refused:
        loaded([point(name, value)])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("feature", "message"),
    [(Bare, "does not declare entity, family, direction, limits"), (Foreign, "has family 'astrology': choose one of content, evenness")],
)
def test_one_that_lacks_a_field_says_which(feature: type[Feature], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, feature.__name__, feature, raising=False)
    with pytest.raises(FeatureLoadError, match=message):
        loaded([point(feature.name(), f"streams.features.registry:{feature.__name__}")])


def test_a_package_cannot_replace_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {FEATURE_ENTRY_POINTS: [point("evenness", "streams.features.group.evenness:Evenness")]}
    monkeypatch.setattr(registry, "entry_points", lambda group: points[group])
    with pytest.raises(FeatureLoadError, match="feature evenness of an installed package exists here already"):
        features.__wrapped__("group")
