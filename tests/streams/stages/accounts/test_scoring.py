from __future__ import annotations

import numpy as np

from streams.schema import blocks
from streams.stages.accounts.scoring import SETTLE_SECONDS, SETTLE_STEP_SECONDS
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
    stage.scoring.record(scores, slots, slots)
    np.testing.assert_array_equal(stage.table["evidence_shrunk"][slots], scores.shrunk.astype(np.float32))


def test_an_account_of_nine_requests_is_due_again_after_a_minute_and_one_request_more() -> None:
    stage = accounts_after(9)
    slots = stage.table.slots
    assert len(stage.scoring.due(slots)) == 0
    stage.table["clock"][slots] += 60.0
    assert len(stage.scoring.due(slots)) == 0, "a minute alone is not enough"
    stage.table["requests"][slots] += 1
    assert stage.scoring.due(slots).tolist() == slots.tolist()


def test_an_account_that_has_been_silent_for_an_hour_is_scored_with_all_that_it_has_done_once() -> None:
    stage = accounts_after(9)
    slots = stage.table.slots
    stage.table["requests"][slots] += 1
    newest = float(stage.table["clock"][slots[0]])
    step = (newest + SETTLE_SECONDS) // SETTLE_STEP_SECONDS * SETTLE_STEP_SECONDS
    assert stage.scoring.settled(step).tolist() == [], "not for a whole hour"
    assert stage.scoring.settled(step + SETTLE_STEP_SECONDS - 1).tolist() == [], "one look in ten minutes"
    assert stage.scoring.settled(step + SETTLE_STEP_SECONDS).tolist() == slots.tolist()
    stage.table["settled_requests"][slots] = stage.table["requests"][slots]
    assert stage.scoring.settled(step + 2 * SETTLE_STEP_SECONDS).tolist() == [], "all that it has done is in its score"


def test_a_block_of_others_scores_who_has_paused() -> None:
    stage = accounts_after(9)
    slots = stage.table.slots
    stage.table["requests"][slots] += 1
    later = block_of({"account_id": ["bob"], "event_id": ["x"], "time": [START + 2 * SETTLE_SECONDS]})
    waiting = stage.table["new_requests"][slots].tolist()
    messages = stage.apply(blocks.encode(later.batch), 1)
    assert stage.table["settled_requests"][slots].tolist() == [10.0]
    assert stage.table["tick_requests"][slots].tolist() == [9.0], "when it is due next does not depend on its pauses"
    assert stage.table["new_requests"][slots].tolist() == waiting, "its work goes with the next row of its own time"
    assert messages
