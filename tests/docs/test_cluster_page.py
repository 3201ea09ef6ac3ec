"""The page on clusters holds what the program does: options, limits, Python; its job for Slurm runs with stand-ins."""

import inspect
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from docs.test_readme import ROOT, blocks
from typer.main import get_command

import nwb_autolfads as nal
from nwb_autolfads.cli.app import app
from nwb_autolfads.search.engines.placement import Placement

PAGE = "docs/cluster.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def options():
    """What `run` takes, by name."""
    return {name: option for option in get_command(app).commands["run"].params for name in option.opts}


def test_its_table_has_the_options_of_the_command_and_their_counterparts_in_python(options):
    rows = re.findall(r"^\| `--(\w+)[^|]*\| `(\w+)=", TEXT, re.MULTILINE)
    assert [option for option, _ in rows] == ["engine", "address", "workers", "device"]
    for option, argument in rows:
        assert f"--{option}" in options
        assert argument in inspect.signature(nal.AutoLFADS).parameters


def test_its_commands_use_options_that_exist(options):
    manifest = yaml.safe_load("".join(blocks(PAGE, "yaml")))
    commands = [*re.findall(r"^nwb-autolfads run .*$", TEXT, re.MULTILINE), manifest["spec"]["entrypoint"]]
    assert len(commands) == 4
    for command in commands:
        assert {word for word in shlex.split(command) if word.startswith("--")} <= options.keys()


def test_its_python_runs():
    (code,) = blocks(PAGE, "python")
    made = eval(compile(code.strip(), PAGE, "eval"), {"nal": nal})
    assert made.placement == Placement(engine="ray", device="auto", workers=4)
    assert made.settings == nal.AutoLFADS("paper").settings


def test_its_limits_are_those_of_the_code():
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from nwb_autolfads.search.engines.ray import crew, engine

    assert f"no step done for {engine.PATIENCE_S:.0f} s" in TEXT
    assert engine.MOST_LOSSES == 5
    assert "the same models lose five workers" in TEXT
    assert f"no worker can be had for {crew.PLACED_WITHIN_S / 60:.0f} minutes" in TEXT


STAND_IN = """#!{bash}
echo "$(basename "$0") $*" >> "{log}"
case "$(basename "$0") $*" in
    scontrol*) printf 'node7\\nnode8\\nnode9\\n' ;;
    "ray status"*) [ "$(grep -c '^ray status' "{log}")" -ge 2 ] ;;
esac
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Slurm has no Windows")
def test_its_job_starts_the_head_waits_for_it_then_the_others_and_runs(tmp_path):
    (script,) = blocks(PAGE, "bash")
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    (tmp_path / "nwb" / "bin").mkdir(parents=True)
    (tmp_path / "nwb" / "bin" / "activate").touch()
    for name in ("srun", "scontrol", "ray", "nwb-autolfads"):
        stand_in = tmp_path / name
        stand_in.write_text(STAND_IN.format(bash="/bin/bash", log=tmp_path / "log"))
        stand_in.chmod(0o755)
    slurm = {
        "SLURM_JOB_ID": "31234567",
        "SLURM_JOB_NODELIST": "node[7-9]",
        "SLURM_NNODES": "3",
        "SLURM_CPUS_PER_TASK": "5",
    }
    found = {"HOME": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        ["/bin/bash", "-c", script.replace("sleep 2", "sleep 0.1") + "wait\n"], env=found | slurm, check=True
    )
    log = (tmp_path / "log").read_text().splitlines()
    (head,) = [line for line in log if line.startswith("srun") and "--head" in line]
    (others,) = [line for line in log if line.startswith("srun") and "--exclude=node7" in line]
    assert "--nodelist=node7" in head
    assert "--port=24567 --num-cpus=5" in head
    assert "--nodes=2 --ntasks=2" in others
    assert "ray start --address=node7:24567 --num-cpus=5" in others
    assert log.count("ray status --address=node7:24567") == 2
    assert log.index("ray status --address=node7:24567") < log.index(others)
    assert any(line.startswith("nwb-autolfads run") and "--address node7:24567" in line for line in log)


def test_its_manifest_trains_in_workers_only_and_keeps_its_run_where_the_recording_is():
    job = yaml.safe_load("".join(blocks(PAGE, "yaml")))["spec"]
    pods = [job["rayClusterSpec"]["headGroupSpec"], *job["rayClusterSpec"]["workerGroupSpecs"]]
    head, *workers = (pod["template"]["spec"]["containers"][0] for pod in pods)
    assert pods[0]["rayStartParams"] == {"num-cpus": "0"}
    assert {worker["image"] for worker in workers} == {head["image"]}
    (mount,) = (each["mountPath"] for each in head["volumeMounts"])
    assert all(path.startswith(f"{mount}/") for path in re.findall(r"/\S+", job["entrypoint"]))
