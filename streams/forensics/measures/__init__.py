"""The tests of `hydrometer forensics compare`: one file each, found by `measure.all_measures`."""
