from __future__ import annotations

import numpy as np

from streams.schema import blocks
from streams.stages.accounts.stage import Accounts
from streams.testing.feature_trial import block_of

START = 1_790_000_000.0


def accounts_after(requests: int) -> Accounts:
    """A stage that has counted so many requests of one account, ten seconds apart."""
    columns = {"account_id": ["ada"] * requests, "event_id": [str(number) for number in range(requests)], "output_tokens": 100}
    block = block_of(columns | {"time": [START + 10.0 * number for number in range(requests)]})
    stage = Accounts(0, 1, b"a key of this test", {}, shingle_cells=1 << 10)
    stage.apply(blocks.encode(block.batch), 0)
    return stage


def test_scoring_changes_nothing_and_recording_keeps_the_score() -> None:
    stage = accounts_after(9)
    slots = stage.table.slots
    before = {name: stage.table[name].copy() for name in stage.table.fields}
    votes = stage.votes.reference.votes.copy()
    scores = stage.scoring.score(slots)
    for name, column in before.items():
        np.testing.assert_array_equal(stage.table[name], column)
    np.testing.assert_array_equal(stage.votes.reference.votes, votes)
    stage.table["evidence_shrunk"][slots] = np.nan
    stage.scoring.record(scores)
    np.testing.assert_array_equal(stage.table["evidence_shrunk"][slots], scores.shrunk.astype(np.float32))


def test_an_account_of_nine_requests_is_due_again_after_a_minute_and_one_request_more() -> None:
    stage = accounts_after(9)
    slots = stage.table.slots
    assert len(stage.scoring.due(slots)) == 0
    stage.table["clock"][slots] += 60.0
    assert len(stage.scoring.due(slots)) == 0, "a minute alone is not enough"
    stage.table["requests"][slots] += 1
    assert stage.scoring.due(slots).tolist() == slots.tolist()
