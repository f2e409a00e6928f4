"""Benign hypotheses, one per file, discovered automatically: customers with the same evidence. Contract: `streams.cases.hypothesis`."""
