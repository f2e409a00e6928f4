"""The agent `accounts`: reads blocks of requests, and feedback from the groups stage. `streams.stages.accounts.stage` does the work."""

from __future__ import annotations

from typing import Final

import faust
from faust.types import StreamT

from streams.schema import topics
from streams.worker.engine import Engine, Inputs
from streams.worker.source import source, unacknowledged

INPUTS: Final = Inputs(topics.ACCOUNTS_AGENT, topics.REQUESTS, feedback=topics.FEEDBACK, marks=topics.GROUPS)


def attach(app: faust.App, engine: Engine) -> None:
    """Make the app read `requests` and `feedback` into the engine."""
    requests = source(app, INPUTS.topic)
    feedback = source(app, INPUTS.feedback)

    @app.agent(requests, name=topics.ACCOUNTS_AGENT)
    async def accounts(blocks: StreamT[bytes]) -> None:
        """Update every account of each block, and send rows to the groups and cases stages."""
        async for event in unacknowledged(blocks):
            await engine.receive(event)

    @app.agent(feedback, name=f"{topics.ACCOUNTS_AGENT}-{topics.FEEDBACK}")
    async def suspects(blocks: StreamT[bytes]) -> None:
        """Remove the votes of accounts while one of their groups is suspect."""
        async for event in unacknowledged(blocks):
            await engine.receive_feedback(event)
