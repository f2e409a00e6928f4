"""Common parts of detectors: the learning gate, declared limits, trees as arrays, and the shadow interface."""
