"""The Python of the page on other frameworks runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "frameworks.md"
SKLEARN, NEUROCONV = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_pipeline_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(SKLEARN, PAGE.name, "exec"), {})
    assert "activation__estimator__cutoff" in capsys.readouterr().out


def test_the_converter_of_the_page_is_one():
    neuroconv = pytest.importorskip("neuroconv", reason="neuroconv is in the extra 'neuroconv'")
    names = {}
    exec(compile(NEUROCONV, PAGE.name, "exec"), names)
    assert issubclass(names["Session"], neuroconv.NWBConverter)
    assert names["Session"].get_source_schema()["properties"]["Activation"]["required"] == ["file_path"]
