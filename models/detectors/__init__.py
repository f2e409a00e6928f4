"""Detectors: one file each. They follow River's API, and `models/learning/checks.py` finds and examines every one."""
