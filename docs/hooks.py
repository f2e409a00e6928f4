"""What mkdocs calls while it builds the site: tables of figures are made from `docs/data`."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from streams.testing.figure_tables import fill


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put tables and charts in the place of a page's markers."""
    del page, config, files
    return fill(markdown)
