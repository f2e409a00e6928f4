"""The demonstration: generated traffic, and a run of the whole system on it."""
