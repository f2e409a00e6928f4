"""Hydrometer's stream: from log line to block, feature, evidence, alert and case."""
