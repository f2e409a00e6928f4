"""Detectors: one file each. They follow River's API, and `streams/testing/detector_contract.py` finds and examines every one."""
