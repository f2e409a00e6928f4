"""Kernels that update every entity of a block at once. Each is proven equal to a slow, obvious version in its test."""
