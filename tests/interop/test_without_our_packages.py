"""Results in environments made for the purpose: PyNWB alone, and the oldest PyNWB that the extension claims.

Each environment is a new one with nothing of this package in it; making it takes the most of a minute, so these run
where ``NWB_AUTOLFADS_ENVIRONMENTS=1`` (`make environments`, and the continuous integration).
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from nwb_examples import make_emg, make_estimate, write_session

from nwb_autolfads.results.write import write_activation

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "extensions" / "ndx-muscle-activation"
PAGE = ROOT / "docs" / "result-files.md"

pytestmark = pytest.mark.skipif(
    os.environ.get("NWB_AUTOLFADS_ENVIRONMENTS") != "1", reason="makes environments: `make environments`"
)

READ = """
assert values.shape == (1200, 3) and values.dtype == "float32"
assert [str(name) for name in names] == ["TA", "SOL", "VL"], names
assert scale.shape == (3,)
import importlib.util, pynwb
from pynwb import TimeSeries
for package in ("ndx_muscle_activation", "nwb_autolfads", "torch", "xarray", "scipy"):
    assert importlib.util.find_spec(package) is None, package
with NWBHDF5IO("session_activation.nwb", "r") as io:
    estimate = io.read().processing["behavior"]["AutoLFADS"]
    series = [estimate.activation, estimate.activation_std, estimate.factors, estimate.inputs]
    assert all(isinstance(each, TimeSeries) for each in series), series
    assert estimate.estimator == "AutoLFADS" and estimate.seed == 3
    assert len(estimate.activation.muscles.table.to_dataframe()) == 3
assert pynwb.validate(path="session_activation.nwb") == []
print(pynwb.__version__)
"""


def claimed_minimum():
    """Return the oldest PyNWB that the extension says it works with."""
    project = tomllib.loads((EXTENSION / "pyproject.toml").read_text())["project"]
    (minimum,) = (re.fullmatch(r"pynwb>=([\d.]+)", each)[1] for each in project["dependencies"])
    return minimum


def environment(folder, *requirements):
    """Make a virtual environment and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    subprocess.run(install, check=True, stderr=subprocess.PIPE, text=True)
    return python


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    source = write_session(tmp_path_factory.mktemp("session") / "session.nwb")
    return write_activation(make_estimate(make_emg(), seed=3), source, weights=b"weights")


def read_with_pynwb_alone(python, result):
    shown = PAGE.read_text(encoding="utf-8").split("\n## PyNWB alone\n")[1].split("```python\n")[1].split("```")[0]
    isolated = [python, "-I", "-W", "ignore", "-c", shown + READ]
    done = subprocess.run(isolated, cwd=result.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_result_opens_with_pynwb_alone(result, tmp_path):
    version = read_with_pynwb_alone(environment(tmp_path / "new", "pynwb"), result)
    assert tuple(map(int, version.split(".")[:2])) >= tuple(map(int, claimed_minimum().split(".")[:2]))


def test_a_result_opens_and_the_extension_works_with_the_oldest_pynwb_it_claims(result, tmp_path):
    oldest = claimed_minimum()
    python = environment(tmp_path / "old", f"pynwb=={oldest}.*" if oldest.count(".") < 2 else f"pynwb=={oldest}")
    assert read_with_pynwb_alone(python, result).startswith(oldest)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pytest", str(EXTENSION)], check=True)
    tests = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        tmp_path,
        EXTENSION / "src/pynwb/tests",
    ]
    done = subprocess.run(tests, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
