"""A worker as the product runs it, which also writes down the state that it loads: so a test sees what the next owner of a partition has.

`python tests/torture/worker.py FOLDER accounts store`. When a partition of `accounts` is loaded, `FOLDER/<partition>.json` says of each
account how many requests and how many output tokens it has.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, MutableMapping
from pathlib import Path

import orjson

from streams.core.exit_codes import exit_code
from streams.core.logs import configure
from streams.core.settings import Settings
from streams.schema import topics
from streams.stages.accounts.stage import Accounts
from streams.worker.app import run_worker
from streams.worker.stages import makers


class LoadedAccounts(Accounts):
    """The stage of the product; it writes down what it was loaded with."""

    def __init__(self, partition: int, settings: Settings, archive: MutableMapping[str, bytes], folder: Path) -> None:
        super().__init__(partition, settings.partitions, settings.seal_key.get_secret_value().encode(), archive)
        self._file = folder / f"{partition}.json"

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        super().load(chunks)
        table = self.table
        found = {key: [float(table["requests"][slot]), float(table["output"][slot])] for key, slot in table._slot_of.items()}
        part = self._file.with_suffix(".part")
        part.write_bytes(orjson.dumps(found))
        part.rename(self._file)


def run(folder: Path, agents: list[str]) -> None:
    """Run these agents until SIGTERM."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings.load(role="worker")
    stages = makers(settings) | {topics.ACCOUNTS_AGENT: lambda number, archive: LoadedAccounts(number, settings, archive, folder)}
    run_worker(settings, agents, stages)


if __name__ == "__main__":
    configure(verbose=False, quiet={})
    logging.info("process %d", os.getpid())  # noqa: LOG015 - the log of one trial
    sys.exit(exit_code(lambda: run(Path(sys.argv[1]), sys.argv[2:])))
