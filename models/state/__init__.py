"""State of many entities as columns, and the signed pickle for the few objects that cannot be columns."""
