"""What is measured of accounts and groups: one feature a file, found by itself (`streams/feature.py`, `make new-feature`)."""
