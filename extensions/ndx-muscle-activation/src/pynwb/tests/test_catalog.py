"""What the catalog of extensions sees: the record, the examples of the README, and the workflows."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[3]
RECORD = ROOT / "ndx-meta.yaml"

pytestmark = pytest.mark.skipif(not RECORD.exists(), reason="the sources of the extension are not here")


def record(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_record_has_what_the_catalog_asks_for_and_the_version_of_the_package():
    found = record(RECORD)
    assert list(found) == ["name", "version", "src", "pip", "license", "maintainers"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (found["name"], found["version"]) == (project["name"], project["version"])
    spec = record(ROOT / "spec" / "ndx-muscle-activation.namespace.yaml")["namespaces"][0]
    assert (spec["name"], spec["version"]) == (project["name"], project["version"])


def test_the_record_that_is_to_be_sent_is_that_of_the_package():
    assert record(ROOT / "staged-extensions" / "ndx-muscle-activation" / "ndx-meta.yaml") == record(RECORD)


def test_a_file_of_this_version_is_kept():
    assert (Path(__file__).parent / "back_compat" / f"{record(RECORD)['version']}.nwb").exists()


def test_the_examples_of_the_readme_run_and_give_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    names = {}
    for block in blocks[:2]:
        exec(compile(block, "README.md", "exec"), names)
    assert (names["names"], names["recorded"]) == (["TA", "SOL"], "EMG")
    assert names["electrodes"]["location"].tolist() == ["TA", "TA"]
    factors = {"TA": 2e-4, "SOL": 3e-4}
    for muscle, factor in factors.items():
        np.testing.assert_allclose(names["volts"][muscle], names["relative"][muscle] * factor, rtol=1e-6)
    again = {}
    exec(compile(blocks[2], "README.md", "exec"), again)
    assert again["names"] == ["TA", "SOL"]
    np.testing.assert_allclose(again["volts"], names["volts"])


def test_the_example_of_the_record_runs_on_the_file_of_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    readme, sent = (path.read_text(encoding="utf-8") for path in (ROOT / "README.md", SENT))
    for text in (readme, sent):
        found = {}
        exec(compile(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], "README.md", "exec"), found)
    assert found["activation"].columns.tolist() == ["TA", "SOL"]


SENT = ROOT / "staged-extensions" / "ndx-muscle-activation" / "README.md"


def test_workflows_are_those_of_the_template_and_say_what_they_may():
    workflows = {path.stem: record(path) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
    assert set(workflows) == {"run_all_tests", "validate_schema", "ruff", "codespell", "check_external_links"}
    for name, workflow in workflows.items():
        assert workflow["permissions"] == {"contents": "read"}, name
        assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values()), name


def test_tests_run_with_every_python_that_is_claimed_and_the_oldest_pynwb():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    matrix = record(ROOT / ".github" / "workflows" / "run_all_tests.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert project["dependencies"] == ["pynwb>=4.0"]
    assert project["optional-dependencies"]["min-reqs"] == ["pynwb==4.0.*"]
    assert {each["requirements"] for each in matrix["include"]} == {"oldest"}
