"""What travels: the canonical event, the blocks and their columns, the topics."""
