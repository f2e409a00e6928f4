"""The worker process: Faust app, durable state, reading, checkpoint. `engine.py` is what all agents with state have in common."""
