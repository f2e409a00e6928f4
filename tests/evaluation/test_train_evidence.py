from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import train_evidence
import training_rows
from train_evidence import Standing
from training_rows import Floats, Rows

from models.evidence.additive import FILE, Additive
from streams.stages.groups.model_inputs import INPUT_NAMES


def rows(inputs: list[float], guilty: list[bool], moment: list[int]) -> Rows:
    count = len(guilty)
    names = np.array([f"acct-{number}" for number in range(count)])
    same = np.array(["a"] * count)
    matrix = np.full((count, len(INPUT_NAMES)), np.nan)
    matrix[:, INPUT_NAMES.index("even_load")] = inputs
    kinds = np.where(guilty, "queue", "person")
    return Rows(same, same, names, kinds, kinds, np.array(moment), np.array(guilty), np.array(guilty), matrix)


def test_a_member_counts_with_as_much_as_three_of_its_group_have() -> None:
    found = train_evidence.standing(rows([0] * 5, [False] * 5, [0, 0, 0, 1, 1]), np.array([9.0, 5.0, 1.0, 8.0, 8.0]))
    assert found.nats.tolist() == [1.0, 1.0, 1.0, -np.inf, -np.inf]


def test_a_threshold_is_passed_by_its_share_of_innocents_and_no_more() -> None:
    nats = np.arange(1000.0)
    assert (nats >= train_evidence.threshold(innocents(nats, ["a"] * 1000), 0.002)).sum() == 2


def test_another_author_with_many_calm_accounts_moves_no_threshold() -> None:
    loud, calm = np.arange(100.0), np.full(10_000, -5.0)
    alone = train_evidence.threshold(innocents(np.r_[loud, calm[:100]], ["a"] * 100 + ["b"] * 100), 0.02)
    assert train_evidence.threshold(innocents(np.r_[loud, calm], ["a"] * 100 + ["b"] * 10_000), 0.02) == alone
    assert (loud >= alone).sum() == 4


def innocents(nats: Floats, authors: list[str]) -> Standing:
    none = nats < -np.inf
    return Standing(nats, np.array(authors), none, none, nats.astype(str), nats.astype(str))


def test_the_stored_trees_judge_as_the_trained_ones_also_where_an_input_is_unknown() -> None:
    rng = np.random.default_rng(0)
    guilty = rng.random(600) < 0.5
    drawn = rows((guilty * 2.0 + rng.normal(size=600)).tolist(), guilty.tolist(), [0] * 600)
    drawn.inputs[:, :3] = rng.normal(size=(600, 3)) + guilty[:, None]
    drawn.inputs[rng.random(drawn.inputs.shape) < 0.2] = np.nan
    drawn.inputs[0] = 0.0  # scikit-learn bins no column of which nothing is known
    drawn.inputs[1] = 1.0
    model = train_evidence.trained(drawn)
    base = float(model._baseline_prediction.ravel()[0])
    stored = Additive.of({"inputs": INPUT_NAMES, "base": base, "offset": 0.0, "scale": 1.0, "trees": train_evidence.as_data(model)})
    assert np.abs(stored.nats(drawn.inputs) - model.decision_function(drawn.inputs)).max() < 0.01


@pytest.mark.slow
def test_the_stored_judgement_is_what_the_kept_rows_train() -> None:
    rows, _ = Rows.read()
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    assert train_evidence.as_data(train_evidence.trained(rows)) == stored["trees"]
    assert stored["provenance"]["rows_sha256"] == hashlib.sha256(training_rows.FILE.read_bytes()).hexdigest()
