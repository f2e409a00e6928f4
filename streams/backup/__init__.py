"""Backups: what cannot be made again, saved at one moment while nothing runs, and brought back into empty places.

A backup is a folder. `manifest.json` comes last, lists every file with its size and checksum, and carries a code under the seal key.
"""
