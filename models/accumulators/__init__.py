"""Kernels that update all entities of a block at once. A test holds each equal to a slow, obvious version."""
