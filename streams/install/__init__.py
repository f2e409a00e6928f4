"""What puts Hydrometer on one machine: its configuration, keys and systemd units."""
