"""Tables of the pages that follow from the package are as it has them."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def tables():
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_table_is_as_the_package_has_it():
    assert tables().main(check=True) == []


def test_an_estimator_that_is_missing_on_the_page_is_written(monkeypatch):
    made = tables().with_tables("a\n<!-- estimator keys -->\nold\n<!-- end -->\nz\n")
    assert made.startswith("a\n<!-- estimator keys -->\n| `--estimator` |")
    assert "| `subspace` |" in made
    assert "old" not in made
    assert made.endswith("\n<!-- end -->\nz\n")
