"""Features of one account: one file each."""
