"""What is measured of accounts and groups: one feature a file, found by itself (`streams/features/declaration.py`, `make new-feature`)."""
