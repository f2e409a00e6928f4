"""The little world: nearly every feature tells its accounts apart, and leaving a field out shows what reads it."""

from __future__ import annotations

import pytest

from streams.features.registry import by_name
from streams.replay import little_world
from streams.replay.blind_fields import TABLE, BlindFields, stored
from streams.replay.little_world import _distinguishing, blind_without, blind_without_each, table
from streams.schema.event import FIELDS, REQUIRED

LARGER_WORLDS = {"common_ground", "indicator_matches", "job_partition", "known_corpus", "stack_mismatch", "succession"}
"""Features that a little world cannot show: they need a corpus, indicators of others, days, or banned accounts."""
ADVICE = "run `make render` and commit streams/replay/what_fields_blind.json"


def test_every_other_feature_tells_accounts_apart_so_that_its_silence_means_something() -> None:
    assert set(by_name()) - _distinguishing(frozenset()) <= LARGER_WORLDS


def test_the_table_knows_every_feature_and_what_tells_apart_today() -> None:
    assert stored().features == sorted(by_name()), ADVICE
    assert stored().distinguishing == sorted(_distinguishing(frozenset())), ADVICE


@pytest.mark.parametrize(
    ("field", "feature"),
    [
        ("account.created", "age_cohort"),
        ("payment.hash", "card_sharing"),
        ("client.address", "networks_per_request"),
        ("gen_ai.usage.output_tokens", "long_answers"),
        ("prompt", "asks_grading"),
        ("system_prompt", "system_prompts"),
    ],
)
def test_leaving_a_field_out_blinds_what_reads_it_as_the_table_says(field: str, feature: str) -> None:
    blind = blind_without(frozenset({field}))
    assert feature in blind
    assert blind == _distinguishing(frozenset()) - _distinguishing(frozenset({field})), ADVICE


def test_which_field_blinds_a_feature_of_another_package_is_found_without_leaving_out_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def but(names: list[str]) -> list[str]:
        return [name for name in names if name != "card_sharing"]

    ours = stored()
    alone = {field: but(names) for field, names in ours.blind_without.items()}
    monkeypatch.setattr(little_world, "stored", lambda: BlindFields(but(ours.features), but(ours.distinguishing), alone))
    monkeypatch.setattr(little_world, "_whole", lambda: frozenset(ours.distinguishing))
    asked: list[frozenset[str]] = []

    def distinguishing(missing: frozenset[str]) -> frozenset[str]:
        asked.append(missing)
        return _distinguishing(missing)

    monkeypatch.setattr(little_world, "_distinguishing", distinguishing)
    fields = frozenset({"client.address", "payment.hash", "prompt", "system_prompt"})
    assert blind_without_each(fields) == {field: frozenset(ours.blind_without[field]) for field in fields}
    assert {"card_sharing"} < {*ours.blind_without["payment.hash"]}
    assert frozenset({"prompt"}) not in asked, "fields that do not blind it together are not left out one by one"


@pytest.mark.integration  # half a minute
@pytest.mark.timeout(600)
def test_the_whole_table_is_what_the_little_world_says_today() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), ADVICE


def test_leaving_out_what_is_never_evidence_blinds_nothing() -> None:
    assert blind_without(frozenset({"client.geo.country_iso_code"})) == frozenset()


def test_fields_can_blind_together_what_none_blinds_alone() -> None:
    fields = frozenset(field.wire for field in FIELDS if field.wire not in REQUIRED)
    assert blind_without(fields) > frozenset().union(*(blind_without(frozenset({field})) for field in fields))
