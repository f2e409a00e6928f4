"""Exports to other systems: OCSF findings, signed bundles, outlets."""
