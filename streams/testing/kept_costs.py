"""The newest kept figures of `make evaluate-coverage`, beside the code that shows what missing fields cost (`make render`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from streams.replay.lacking_costs import TABLE, Cost, Costs
from streams.testing.figures import KEPT, history

TARGET: Final = "evaluate-coverage"


def costs(kept: Path = KEPT) -> Costs:
    """Return the table of the newest figures; empty where none are kept."""
    runs = history(TARGET, kept)
    rows = runs[-1].figures["logs"] if runs else []
    return Costs(
        revision=runs[-1].revision if runs else "",
        campaigns=max((row["campaigns"] for row in rows), default=0),
        rows=[Cost(row["log"], row["campaigns_found"], row["found_or_asked"]) for row in rows],
    )


def main() -> None:
    """Write the table."""
    TABLE.write_bytes(msgspec.json.format(msgspec.json.encode(costs()), indent=1) + b"\n")


if __name__ == "__main__":
    main()
