"""Every way of reading a result that docs/result-files.md shows, run as it stands there, on a written file."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from nwb_examples import make_emg, make_estimate, write_session

from nwb_autolfads.results.comparison import write_comparison
from nwb_autolfads.results.write import write_activation
from nwb_autolfads.sources.spikeinterface import activation_as_recording

PAGE = Path(__file__).resolve().parents[2] / "docs" / "result-files.md"
NAMES = ["TA", "SOL", "VL"]
SCORES = xr.Dataset(
    {"r2": (("estimator", "muscle"), [[0.9, 0.8, 0.7]])}, coords={"estimator": ["AutoLFADS"], "muscle": NAMES}
)
DANDISET = """\
identifier: DANDI:000000
name: Muscle activation
description: Activation estimated from EMG.
license: [spdx:CC-BY-4.0]
contributor:
  - {name: "Doe, Jane", email: jane@example.org, roleName: [dcite:ContactPerson], schemaKey: Person}
"""


def block(section, language="python"):
    """Return the code that a section of the page shows."""
    body = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    (code,) = re.findall(rf"```{language}\n(.*?)```", body, re.S)
    return code


def run(section):
    """Run what a section shows and return the names it leaves."""
    found = {}
    exec(compile(block(section), f"{PAGE.name}: {section}", "exec"), found)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("session") / "session.nwb")


@pytest.fixture(scope="module")
def estimate(source):
    emg = make_emg()
    with h5py.File(source) as file:
        origin = json.loads(emg.attrs["origin"]) | {"object_id": str(file["acquisition/EMG"].attrs["object_id"])}
    return make_estimate(emg.assign_attrs(origin=json.dumps(origin)), seed=3)


@pytest.fixture(scope="module")
def result(source, estimate):
    path = write_activation(estimate, source, weights=b"weights")
    return write_comparison(SCORES, path)


@pytest.fixture
def _beside_the_file(result, monkeypatch):
    monkeypatch.chdir(result.parent)


pytestmark = pytest.mark.usefixtures("_beside_the_file")


def test_every_section_with_code_is_run_here():
    sections = [
        part.partition("\n")[0] for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:] if "```" in part
    ]
    here = Path(__file__).read_text(encoding="utf-8")
    assert [section for section in sections if f'("{section}"' not in here] == []


def test_this_package(estimate):
    found = run("This package")
    xr.testing.assert_identical(found["estimate"], estimate)
    np.testing.assert_array_equal(found["volts"], estimate["activation"].values * estimate["scale"].values)


def test_pynwb_with_the_extension(estimate):
    found = run("PyNWB with the extension")
    assert found["names"] == NAMES
    np.testing.assert_array_equal(found["table"], estimate["activation"])
    np.testing.assert_allclose(found["table"].index, estimate["time"])
    xr.testing.assert_equal(found["dataset"], estimate)
    assert found["dataset"].attrs == estimate.attrs
    assert found["first_second"].sizes["time"] == 501
    np.testing.assert_allclose(found["in_unit"], estimate["activation"] * estimate["scale"], rtol=1e-6)
    assert found["emg"].name == "EMG"
    assert found["model"].weights.shape == (7,)


def test_pynwb_alone(estimate):
    found = run("PyNWB alone")
    np.testing.assert_array_equal(found["values"], estimate["activation"])
    np.testing.assert_array_equal(found["scale"], estimate["scale"])
    np.testing.assert_allclose(found["in_unit"], estimate["activation"] * estimate["scale"], rtol=1e-6)
    assert found["names"] == NAMES
    assert found["legend"] == "Muscles by column: 0=TA, 1=SOL, 2=VL"


def test_h5py(estimate):
    found = run("h5py")
    np.testing.assert_array_equal(found["values"], estimate["activation"])
    assert (found["start"], found["rate"], list(found["names"])) == (2.0, 500.0, NAMES)


def test_pynapple(estimate):
    pytest.importorskip("pynapple", reason="pynapple is in the extra 'interop'")
    found = run("pynapple")
    np.testing.assert_array_equal(found["activation"].d, estimate["activation"])
    np.testing.assert_allclose(found["activation"].t, estimate["time"])
    np.testing.assert_array_equal(found["soleus"].d, estimate["activation"].sel(muscle="SOL"))


@pytest.fixture
def gapped(tmp_path, result):
    """A file with a second estimate, of a recording with a gap."""
    gap = make_estimate(make_emg(gap=True), estimator="LowPass")
    return write_activation(gap, Path(shutil.copy(result, tmp_path)), in_place=True), gap


def test_pynapple_keeps_a_gap_and_tells_estimates_apart(gapped):
    pynapple = pytest.importorskip("pynapple", reason="pynapple is in the extra 'interop'")
    path, gap = gapped
    session = pynapple.load_file(str(path))
    assert {"AutoLFADS/activation", "LowPass/activation"} <= set(session.keys())
    np.testing.assert_allclose(session["LowPass/activation"].t, gap["time"])
    activation = session.nwb.processing["behavior"]["LowPass"].to_pynapple()
    assert list(activation.columns) == NAMES
    np.testing.assert_allclose(activation.t, gap["time"])
    np.testing.assert_array_equal(activation.d, gap["activation"])
    np.testing.assert_allclose(activation.time_support.values, [gap["time"][[0, 599]], gap["time"][[600, 1199]]])


def test_spikeinterface(estimate):
    found = run("SpikeInterface")
    np.testing.assert_array_equal(found["traces"][:, 0], estimate["activation"].sel(muscle="VL"))
    assert found["recording"].get_sampling_frequency() == 500.0
    np.testing.assert_allclose(found["times"], estimate["time"])


def test_spikeinterface_without_this_package(estimate):
    found = run("SpikeInterface without this package")
    assert found["recording"].channel_ids.tolist() == NAMES
    np.testing.assert_array_equal(found["recording"].get_traces(), estimate["activation"])
    np.testing.assert_allclose(found["recording"].get_times(), estimate["time"])


def test_spikeinterface_has_the_times_after_a_gap_only_where_it_is_asked_for_them(gapped):
    from spikeinterface.extractors import read_nwb_timeseries

    path, gap = gapped
    place = "processing/behavior/LowPass/activation"
    times = gap["time"].values
    right = read_nwb_timeseries(str(path), timeseries_path=place, load_time_vector=True).get_times()
    np.testing.assert_allclose(right, times)
    wrong = read_nwb_timeseries(str(path), timeseries_path=place).get_times()
    assert abs(wrong[-1] - times[-1]) > 1.0  # as long as the page warns of it
    named = activation_as_recording(gap)
    starts = [named.get_times(segment_index=part)[0] for part in (0, 1)]
    np.testing.assert_allclose(starts, times[[0, 600]])


def test_zarr_and_back(estimate):
    pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is in the extra 'zarr'")
    code = block("Zarr") + "import numpy\nnumpy.savez('zarr.npz', names=dataset['muscle'], **dataset)\n"
    allowed = os.environ | {"NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=allowed)
    with np.load("zarr.npz") as back:
        assert back["names"].tolist() == NAMES
        assert set(back) == {"names", *estimate.data_vars}
        for name in estimate.data_vars:
            np.testing.assert_array_equal(back[name], estimate[name], err_msg=name)


def test_scores():
    found = run("Scores")
    xr.testing.assert_equal(found["scores"], SCORES)
    assert found["rows"]["score"].tolist() == [0.9, 0.8, 0.7]


def test_validators_have_nothing_against_it_that_they_have_not_against_the_source(result):
    found = run("Is it valid?")
    assert found["errors"] == []
    of_source = found["inspect_nwbfile"](nwbfile_path=result.with_name("session.nwb"))
    assert {message.message for message in found["messages"]} <= {message.message for message in of_source}


def test_an_archive_takes_it(result, tmp_path):
    pytest.importorskip("dandi", reason="dandi is in the extra 'interop'")
    assert block("Is it valid?", "bash") == "dandi validate .\n"
    (tmp_path / "dandiset.yaml").write_text(DANDISET)
    (tmp_path / "sub-01").mkdir()
    shutil.copy(result, tmp_path / "sub-01" / "sub-01_ecephys.nwb")
    dandi = [str(Path(sys.executable).with_name("dandi")), "validate", "."]
    quiet = os.environ | {"DANDI_NO_ET": "1"}
    done = subprocess.run(dandi, cwd=tmp_path, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_that_only_names_its_recording(estimate):
    found = run("A file that only names its recording")
    xr.testing.assert_identical(found["read_activation"](found["small"]), estimate)
    with h5py.File(found["small"]) as file:
        assert list(file["acquisition"]) == []
