"""Detectors: one file each. They follow River's API, and `models/detector_contract.py` finds and examines every one."""
