"""Helpers of tests and of feature authors: builders, the trial of a feature, the trial of durability."""
