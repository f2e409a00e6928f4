"""The agent `groups`: reads blocks of accounts' rows by group. `streams.stages.groups.stage` does the work."""

from __future__ import annotations

from typing import Final

import faust
from faust.types import StreamT

from streams.schema import topics
from streams.worker.engine import Engine, Inputs
from streams.worker.source import source, unacknowledged

INPUTS: Final = Inputs(topics.GROUPS_AGENT, topics.GROUPS, answers=topics.FEEDBACK)


def attach(app: faust.App, engine: Engine) -> None:
    """Make the app read `groups` into the engine."""
    facts = source(app, INPUTS.topic)

    @app.agent(facts, name=topics.GROUPS_AGENT)
    async def groups(blocks: StreamT[bytes]) -> None:
        """Update every group of each block, and send rows to the cases stage."""
        async for event in unacknowledged(blocks):
            await engine.receive(event)
