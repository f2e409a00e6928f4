"""The agent `cases`: reads evidence and analysts' labels, each one partition. `streams.cases.stage` does the work."""

from __future__ import annotations

from typing import Final

import faust
from faust.types import StreamT

from streams.schema import topics
from streams.worker.engine import Engine, Inputs
from streams.worker.source import source, unacknowledged

INPUTS: Final = Inputs(topics.CASES_AGENT, topics.EVIDENCE, feedback=topics.LABELS, single=True)


def attach(app: faust.App, engine: Engine) -> None:
    """Make the app read `evidence` and `labels` into the engine."""
    evidence = source(app, INPUTS.topic)
    labels = source(app, INPUTS.feedback)

    @app.agent(evidence, name=topics.CASES_AGENT)
    async def cases(blocks: StreamT[bytes]) -> None:
        """Link the entities with evidence; open, update and resolve their alerts and cases."""
        async for event in unacknowledged(blocks):
            await engine.receive(event)

    @app.agent(labels, name=f"{topics.CASES_AGENT}-{topics.LABELS}")
    async def labelled(records: StreamT[bytes]) -> None:
        """Apply analysts' labels to the cases."""
        async for event in unacknowledged(records):
            await engine.receive_feedback(event)
