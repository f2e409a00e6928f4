"""Reports of a process about itself: metrics, health, silent feeds."""
