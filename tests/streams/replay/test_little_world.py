"""The little world: nearly every feature tells its accounts apart, and leaving a field out shows what reads it."""

from __future__ import annotations

import pytest

from streams.features.registry import by_name
from streams.replay.little_world import _distinguishing, blind_without

LARGER_WORLDS = {"common_ground", "job_partition", "known_corpus", "stack_mismatch", "succession"}
"""Features that a little world cannot show: they need a corpus, days, or banned accounts."""


def test_every_other_feature_tells_accounts_apart_so_that_its_silence_means_something() -> None:
    assert set(by_name()) - _distinguishing(frozenset()) <= LARGER_WORLDS


@pytest.mark.parametrize(
    ("field", "feature"),
    [
        ("account.created", "age_cohort"),
        ("payment.hash", "card_sharing"),
        ("client.address", "networks_per_request"),
        ("gen_ai.usage.output_tokens", "long_answers"),
        ("prompt", "shared_template"),
        ("system_prompt", "system_prompts"),
    ],
)
def test_leaving_a_field_out_blinds_what_reads_it(field: str, feature: str) -> None:
    assert feature in blind_without(frozenset({field}))


def test_leaving_out_what_is_never_evidence_blinds_nothing() -> None:
    assert blind_without(frozenset({"client.geo.country_iso_code"})) == frozenset()
