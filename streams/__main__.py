"""`python -m streams` is `hydrometer`."""

from __future__ import annotations

from streams.cli import main

main()
