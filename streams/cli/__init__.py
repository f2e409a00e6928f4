"""`hydrometer`, the one command. `main.py` lists the commands; each imports its work when it is called."""
