"""Enforcement: what people decided becomes orders that gateways obey, until each expires. No score is read here."""
