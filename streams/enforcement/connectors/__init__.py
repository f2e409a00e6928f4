"""The gateways that obey, each in a file of its own."""
