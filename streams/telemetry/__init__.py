"""What a process reports of itself: metrics, health, silent feeds."""
