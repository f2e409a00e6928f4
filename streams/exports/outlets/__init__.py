"""Outlets: destinations of findings. One file is one outlet and gives its name; `streams/exports/outlet.py` finds it."""
