"""What the site has beside these pages: the changelog and how to contribute, which stand at the root of the project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
FROM_ROOT = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand at the root."""
    for page, source in FROM_ROOT.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=seen_from_docs(text)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leave the text of links to files of the project that are no pages, without the link."""
    return without_links_out(markdown)


def seen_from_docs(text: str) -> str:
    """Return a text of the root with its links as they are from the pages."""
    pages = {f"]({source}": f"]({page}" for page, source in FROM_ROOT.items()}
    for there, here in {**pages, "](docs/": "]("}.items():
        text = text.replace(there, here)
    return re.sub(r"\]\((?=(?:nwb_autolfads|tests|benchmarks|extensions|\.)[\w/.-]*\))", "](../", text)


def without_links_out(text: str) -> str:
    """Return a page without its links to what lies above the pages."""
    return re.sub(r"(?<!!)\[([^\]]+)\]\(\.\./(?:\.\./)?(?!examples|[\w-]+\.md)[^)]*\)", r"\1", text)
