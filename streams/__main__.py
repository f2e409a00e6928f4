"""`python -m streams` is `hydrometer`."""

from __future__ import annotations

from streams.cli.main import main

main()
