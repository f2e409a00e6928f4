"""What mkdocs calls while it builds the site: the reference pages are made from the code, and nothing of them is committed."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from streams.cli.reference import pages


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the reference pages and the pictures of the boards to the site."""
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files
