"""What mkdocs calls while it builds the site: reference pages are made from the code, tables of figures from `docs/data`."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from streams.cli.reference import pages
from streams.testing.figure_tables import fill


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the reference pages to the site."""
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put tables and charts in the place of a page's markers."""
    del page, config, files
    return fill(markdown)
