"""What leaves for others: OCSF findings, signed bundles, outlets."""
