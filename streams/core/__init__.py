"""What every room needs: errors, exit codes, settings. Imports nothing of ours."""
