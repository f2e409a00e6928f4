"""The doorway of `accounts`: blocks of requests, and what the groups hold of them. All work is in `streams.stages.accounts.stage`."""

from __future__ import annotations

from typing import Final

import faust
from faust.types import StreamT

from streams.schema import topics
from streams.worker.engine import Engine, Inputs
from streams.worker.source import source, unacknowledged

INPUTS: Final = Inputs(topics.ACCOUNTS_AGENT, topics.REQUESTS, second=topics.VERDICTS)


def attach(app: faust.App, engine: Engine) -> None:
    """Let the app read `requests` and `verdicts` into the engine."""
    requests = source(app, INPUTS.topic)
    verdicts = source(app, INPUTS.second)

    @app.agent(requests, name=topics.ACCOUNTS_AGENT)
    async def accounts(blocks: StreamT[bytes]) -> None:
        """Update every account of each block, and pass on what the groups and the cases need."""
        async for event in unacknowledged(blocks):
            await engine.take(event)

    @app.agent(verdicts, name=f"{topics.ACCOUNTS_AGENT}-{topics.VERDICTS}")
    async def suspects(blocks: StreamT[bytes]) -> None:
        """Take the votes of accounts away while a group of theirs is suspect."""
        async for event in unacknowledged(blocks):
            await engine.take_second(event)
