"""What is imported when: the command line answers at once, and results are read without torch."""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "scipy",
    "pynwb",
    "hdmf",
    "h5py",
    "numpy",
    "xarray",
    "pandas",
    "neo",
    "spikeinterface",
    "matplotlib",
    "dash",
}


def imported_by(*arguments):
    """Return the top-level modules that a fresh Python imports, from its own `-X importtime` lines."""
    done = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True)
    names = [line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {name.split(".")[0] for name in names}, done.stdout


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help")])
def test_help_imports_nothing_heavy(arguments):
    modules, output = imported_by("-m", "nwb_autolfads.cli", *arguments)
    assert "Usage" in output
    assert "typer" in modules
    assert modules & HEAVY == set()


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, nwb_autolfads; dir(nwb_autolfads); print(*sorted(m for m in sys.modules if '.' not in m))"
    modules, output = imported_by("-c", code)
    assert (modules | set(output.split())) & HEAVY == set()


def test_rooms_around_the_model_do_without_torch():
    statements = [
        "from nwb_autolfads import open_emg",
        "from nwb_autolfads import preprocess",
        "from nwb_autolfads import read_activation",
        "from nwb_autolfads import write_activation",
        "from nwb_autolfads import simulate_session",
        "from nwb_autolfads import LowPass",
        "import nwb_autolfads.evaluation.truth",
        "import nwb_autolfads.report.page",
        "import nwb_autolfads.viewer.session",
        "import nwb_autolfads.viewer.page",
        "import nwb_autolfads.commands.run",
        "import nwb_autolfads.commands.inspect",
        "import nwb_autolfads.commands.demo",
    ]
    code = "import sys\n" + "\n".join(f"{each}\nassert 'torch' not in sys.modules, {each!r}" for each in statements)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
