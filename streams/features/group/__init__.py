"""Features of a group of accounts: one file each."""
