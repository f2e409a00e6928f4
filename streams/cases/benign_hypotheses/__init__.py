"""Benign hypotheses, one a file, found by itself: who else would show the same evidence. The contract is `streams.cases.hypothesis`."""
