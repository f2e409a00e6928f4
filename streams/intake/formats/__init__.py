"""Log formats, one module each with a constant `FORMAT` (`format.py` says how), found by `registry.py`."""
