"""The groups stage: accounts that share a router, a card, a template or a behaviour are scored as one."""
