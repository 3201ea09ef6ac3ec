"""What runs elsewhere is what runs here: workflows are sound, and call the Makefile's own targets."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs_with_steps(path):
    """Give the jobs of a workflow that do not call another."""
    return {name: job for name, job in read(path)["jobs"].items() if "uses" not in job}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_says_when_it_runs_what_it_may_and_for_how_long(path):
    workflow = read(path)
    assert {"name", True, "jobs"} <= set(workflow)  # YAML 1.1 reads `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        if "uses" in job:
            called = read(ROOT / job["uses"])
            assert "workflow_call" in called[True], name
            continue
        assert 0 < job["timeout-minutes"] <= 180, name
        needs = job.get("needs", [])
        for needed in [needs] if isinstance(needs, str) else needs:
            assert needed in workflow["jobs"], name
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), name
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[\w./-]+", step.get("uses", "a/b@c")), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_its_steps_are_targets_of_the_makefile(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for job in jobs_with_steps(path).values():
        for command in [step["run"] for step in job["steps"] if "run" in step]:
            if command == ".ci/run":
                continue
            program, *words = command.split()
            assert program == "make"
            assert {word for word in words if "=" not in word} <= targets


def test_tests_run_on_every_python_and_system_that_is_claimed():
    import tomllib

    matrix = read(ROOT / ".github/workflows/tests.yml")["jobs"]["test"]["strategy"]["matrix"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert matrix["python"] == claimed
    assert [system.split("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_only_publishing_may_sign_and_no_secret_is_named():
    for path in WORKFLOWS:
        assert "secrets." not in path.read_text(encoding="utf-8")
        for name, job in jobs_with_steps(path).items():
            if job.get("permissions", {}).get("id-token") == "write":
                assert any(
                    "publish" in step.get("uses", "") or "deploy-pages" in step.get("uses", "") for step in job["steps"]
                ), name
                assert "environment" in job


OF_EXTENSION = sorted((ROOT / "extensions" / "ndx-muscle-activation" / ".github" / "workflows").glob("*.yml"))
SCHEMAS = {
    "vendor.github-workflows": [*WORKFLOWS, *OF_EXTENSION],
    "vendor.dependabot": [ROOT / ".github" / "dependabot.yml"],
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_for_others_are_what_their_schemas_ask_for(schema):
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is in the extra 'test'")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, SCHEMAS[schema])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_workflow_that_is_none_is_found(tmp_path):
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is in the extra 'test'")
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text(encoding="utf-8").replace("runs-on:", "runs_on:"), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(broken)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_actionlint_finds_nothing_where_it_is_installed():
    if shutil.which("actionlint") is None:
        pytest.skip("actionlint is not installed")
    done = subprocess.run(["actionlint", *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_zenodo_is_told_is_what_the_citation_says():
    citation = read(ROOT / "CITATION.cff")
    told = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    assert told["title"] == citation["title"]
    assert told["license"] == citation["license"]
    assert told["keywords"] == citation["keywords"]
    assert [each["identifier"] for each in told["related_identifiers"]] == [
        each["doi"] for each in citation["references"]
    ]


def test_the_container_copies_what_is_there():
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert copied
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []
