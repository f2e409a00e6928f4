"""Panel of the feature `conversations_open`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.conversations_open import ConversationsOpen

panel = FeaturePanel(ConversationsOpen, title="Conversations in an hour", logarithmic=True)
