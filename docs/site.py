"""What the site has beside these pages: pages of the root of the project, and an archive for a tutorial."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
FROM_ROOT = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
_open = ExitStack()


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand at the root."""
    for page, source in FROM_ROOT.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=seen_from_docs(text)))
    return files


def on_pre_build(config: Any) -> None:
    """Serve an archive for the tutorials: `DANDI_INSTANCE` is all that tells it from the real one."""
    spec = importlib.util.spec_from_file_location("loopback_archive", ROOT / "docs" / "loopback_archive.py")
    loopback = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loopback)
    folder = Path(_open.enter_context(tempfile.TemporaryDirectory()))
    loopback.write_dandiset(folder)
    os.environ["DANDI_INSTANCE"] = _open.enter_context(loopback.serve(folder)).address
    os.environ["DANDI_NO_ET"] = "1"
    os.environ["PYTHONWARNINGS"] = "ignore"  # of libraries, about this machine


def on_post_build(config: Any) -> None:
    """Close the archive."""
    _open.close()


def on_build_error(error: Exception) -> None:
    """Close the archive, so that the build ends."""
    _open.close()


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
