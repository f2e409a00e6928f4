"""The same pipeline over files, in one process and in event time; and two replays compared."""
