"""Outlets: where findings go. One file is one outlet, called as the file is; `streams/exports/outlet.py` finds it."""
