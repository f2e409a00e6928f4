"""The doorway of `groups`: blocks of facts, by group. All work is in `streams.stages.groups.stage`."""

from __future__ import annotations

from typing import Final

import faust
from faust.types import StreamT

from streams.schema import topics
from streams.worker.engine import Engine, Inputs
from streams.worker.source import source, unacknowledged

INPUTS: Final = Inputs(topics.GROUPS_AGENT, topics.GROUPS)


def attach(app: faust.App, engine: Engine) -> None:
    """Let the app read `groups` into the engine."""
    facts = source(app, INPUTS.topic)

    @app.agent(facts, name=topics.GROUPS_AGENT)
    async def groups(blocks: StreamT[bytes]) -> None:
        """Update every router and other group of each block, and pass on what the cases need."""
        async for event in unacknowledged(blocks):
            await engine.take(event)
