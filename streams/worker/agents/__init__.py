"""Doorways: Faust agents that receive blocks, hand them to a pure stage, send what comes out, and keep its state durable.

Read `engine.py` first: it is what all doorways with state have in common.
"""
