"""Faust agents: each receives blocks, passes them to a pure stage, sends the resulting messages, and keeps the stage's state durable.

`streams/worker/engine.py` is common to all agents with state: read it first.
"""
