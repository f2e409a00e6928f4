"""`hydrometer`, the one command. `main.py` lists the commands, `pyproject.toml` those of optional packages.

Each imports its work when it is called.
"""
