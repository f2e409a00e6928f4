"""The demonstration: traffic of our own making, and the run that shows what Hydrometer does with it."""
