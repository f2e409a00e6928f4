"""The work of the agents as plain classes: no broker, no clock, no Faust. `stage.py` is their contract."""
