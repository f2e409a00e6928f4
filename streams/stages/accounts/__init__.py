"""The accounts stage: every account of a block is updated at once, and scored when it has changed enough."""
