"""The tests of `hydrometer forensics compare`: one file each, found by `registry.measures`."""
