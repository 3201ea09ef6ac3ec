"""The site builds without a broken link, names everything public, and asks nothing of other servers."""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import nwb_autolfads as nal

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference.md"


def pages_in(navigation):
    for entry in navigation:
        for each in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [each] if isinstance(each, str) else pages_in(each)


def code():
    return re.findall(r"^```python\n(.*?)^```", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_page_is_in_the_navigation():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace("!ENV", ""))
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    tutorials = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs" / "tutorials").glob("*.py")}
    assert set(pages_in(site["nav"])) - {"changelog.md", "contributing.md"} == there | tutorials


def test_what_the_page_on_trust_names_is_there():
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|benchmarks)/[\w/.]+)`", page)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_reference_has_every_public_name():
    described = set()
    for where in re.findall(r"^::: ([\w.]+)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE):
        module, _, name = where.rpartition(".")
        if module.startswith("nwb_autolfads.interfaces.neuroconv"):
            continue
        found = getattr(importlib.import_module(module), name)
        assert found.__doc__
        described.add(name)
    assert set(nal.__all__) - {"__version__"} <= described


def test_every_public_function_and_class_is_in_an_example():
    used = set(re.findall(r"nal\.(\w+)", "".join(code())))
    errors = {name for name in nal.__all__ if name.endswith(("Error", "Warning"))}
    assert set(nal.__all__) - errors <= used


@pytest.mark.slow
def test_the_examples_of_the_reference_run_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, example in enumerate(code()):
        exec(compile(example, f"{REFERENCE.name}, example {number}", "exec"), names)
    assert names["page"].is_file()
    assert names["again"].estimates.keys() == {"AutoLFADS"}
    assert [row.status for row in names["many"].rows] == ["done", "done"]


@pytest.fixture(scope="module")
def hooks():
    pytest.importorskip("mkdocs", reason="mkdocs is in the extra 'docs'")
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_of_the_root_lead_from_the_pages(hooks):
    text = "[.](.git.yaml) [a](docs/verdict.md) [b](CONTRIBUTING.md#style) [c](docs/house.svg) ![g](docs/h.png)"
    seen = "[.](../.git.yaml) [a](verdict.md) [b](contributing.md#style) [c](house.svg) ![g](h.png)"
    assert hooks.seen_from_docs(text) == seen


def test_a_link_to_what_is_no_page_is_left_as_text(hooks):
    assert hooks.without_links_out("see [the model](../nwb_autolfads/lfads/model.py).") == "see the model."
    assert hooks.without_links_out("see [the model](autolfads.md).") == "see [the model](autolfads.md)."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for needed in ("mkdocs", "material", "mkdocstrings", "mkdocs_jupyter"):
        pytest.importorskip(needed, reason="the site needs the extra 'docs': make site")
    if built := os.environ.get("SITE"):
        return ROOT / built
    folder = tmp_path_factory.mktemp("site")
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "RUN_TUTORIALS": "false"}  # `make site` runs them
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_strictly_and_shows_what_is_public(site):
    reference = (site / "reference" / "index.html").read_text(encoding="utf-8")
    for name in set(nal.__all__) - {"__version__"}:
        assert re.search(rf'id="nwb_autolfads\.[\w.]*\b{name}"', reference), name
    assert "Files are safer" in (site / "changelog" / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_page_loads_anything_from_another_server(site):
    loads = re.compile(
        r'(?:<script[^>]*\bsrc|<link[^>]*rel="(?:stylesheet|preconnect)"[^>]*href|<img[^>]*\bsrc)="(https?:)?//'
    )
    pages = list(site.rglob("*.html"))
    assert pages
    assert [page.name for page in pages if loads.search(page.read_text(encoding="utf-8"))] == []
