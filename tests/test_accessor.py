"""`.nal` on xarray: units, pynapple, a picture."""

import subprocess
import sys

import numpy as np
import pytest
from emg_examples import rectified_emg
from messages import assert_refused
from nwb_examples import make_emg, make_estimate

import nwb_autolfads as nal


def test_in_units_multiplies_by_the_scale_of_each_muscle_and_says_the_unit():
    estimate = make_estimate(make_emg())
    found = estimate.nal.in_units()
    for name in ("activation", "activation_std"):
        np.testing.assert_allclose(found[name], estimate[name].values * estimate["scale"].values, rtol=1e-6)
        assert found[name].attrs["units"] == "volts"
    assert found["factors"].attrs["units"] == "a.u."
    np.testing.assert_array_equal(estimate["activation"].nal.in_units(), found["activation"])
    with assert_refused(nal.SignalError, "it has no scale to a known unit", "Use .nal on what an estimator returned"):
        estimate.drop_vars("scale").nal.in_units()


def test_pynapple_has_the_times_the_names_and_the_gaps():
    pynapple = pytest.importorskip("pynapple", reason="pynapple is in the extra 'interop'")
    estimate = make_estimate(make_emg(gap=True))
    found = estimate.nal.to_pynapple()
    assert isinstance(found, pynapple.TsdFrame)
    assert list(found.columns) == ["TA", "SOL", "VL"]
    np.testing.assert_array_equal(found.t, estimate["time"].values)
    np.testing.assert_array_equal(found.values, estimate["activation"].values)
    assert len(found.time_support) == 2
    assert estimate.nal.to_pynapple("factors").shape == estimate["factors"].shape


def test_a_plot_has_a_row_for_each_usable_muscle():
    estimate = make_estimate(make_emg())
    assert len(estimate.nal.plot().axes) == 2
    assert len(estimate["activation"].nal.plot(["TA"]).axes) == 1


def test_what_has_no_activation_is_refused():
    with assert_refused(
        nal.SignalError, "there is no activation (time, muscle)", "Use .nal on an estimate, its activation, or EMG"
    ):
        rectified_emg(np.ones((10, 2)))["time"].nal.plot()


@pytest.mark.parametrize(
    "imports",
    [
        "import nwb_autolfads; assert 'xarray' not in sys.modules; import xarray",
        "import xarray, nwb_autolfads",
        "import nwb_autolfads; import xarray.core.dataset, xarray",
    ],
)
def test_it_is_there_as_soon_as_xarray_is_whichever_comes_first(imports, tmp_path):
    make_estimate(make_emg()).to_netcdf(tmp_path / "estimate.nc", engine="scipy", format="NETCDF3_64BIT")
    code = f"""import sys; {imports}
from importlib.resources import files
assert files("xarray").joinpath("py.typed").is_file()
assert not any(type(each).__module__ == "nwb_autolfads.with_xarray" for each in sys.meta_path)
estimate = xarray.open_dataset({str(tmp_path / "estimate.nc")!r})
print(estimate.nal.in_units()["activation"].attrs["units"])
assert "torch" not in sys.modules"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "volts\n", done.stderr
