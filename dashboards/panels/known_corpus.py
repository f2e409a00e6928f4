"""Panel of the feature `known_corpus`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.known_corpus import KnownCorpus

panel = FeaturePanel(KnownCorpus, title="Prompts from a public set", unit="percentunit")
