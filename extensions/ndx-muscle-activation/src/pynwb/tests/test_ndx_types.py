"""The types: made with mocks, written, read, and refused where their shapes do not agree."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdmf.common import VectorData
from ndx_muscle_activation import ActivationComparisonTable, ActivationSpreadSeries, MuscleActivationSeries
from ndx_muscle_activation.testing import (
    mock_ActivationComparisonTable,
    mock_ActivationEstimate,
    mock_ActivationSpreadSeries,
    mock_DistributionParameterSeries,
    mock_InferredInputSeries,
    mock_LatentFactorSeries,
    mock_MuscleActivationSeries,
    mock_MusclesTable,
)
from pynwb import NWBHDF5IO, NWBFile, TimeSeries, validate

ROOT = Path(__file__).resolve().parents[3]
BACK_COMPAT = Path(__file__).parent / "back_compat"
SPREAD_AND_PARAMETERS = ["activation_std", "concentration", "rate_parameter", "inputs_std"]
SPECS = ["ndx-muscle-activation.namespace.yaml", "ndx-muscle-activation.extensions.yaml"]


def write(path, *objects):
    nwbfile = NWBFile("A session.", "a-session", datetime(2026, 1, 1, tzinfo=UTC))
    module = nwbfile.create_processing_module("behavior", "Behavior.")
    for item in objects:
        module.add(item)
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path


@pytest.mark.skipif(not (ROOT / "spec").is_dir(), reason="the sources of the extension are not here")
def test_the_committed_spec_is_what_its_script_writes(tmp_path):
    location = ROOT / "src" / "spec" / "create_extension_spec.py"
    spec = importlib.util.spec_from_file_location("create_extension_spec", location)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(tmp_path)
    for name in SPECS:
        assert (tmp_path / name).read_text() == (ROOT / "spec" / name).read_text(), name


def test_importing_the_extension_adds_neither_torch_nor_xarray_nor_scipy_to_pynwb():
    code = (
        "import sys, pynwb; before = set(sys.modules); import ndx_muscle_activation; "
        "print({m.partition('.')[0] for m in set(sys.modules) - before} & {'torch', 'scipy', 'xarray'})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_an_estimate_with_everything_is_valid_and_comes_back(tmp_path):
    muscles = mock_MusclesTable()
    estimate = mock_ActivationEstimate(muscles=muscles, segment=np.zeros(100, dtype=np.int32))
    path = write(tmp_path / "file.nwb", muscles, estimate)
    assert validate(path=str(path)) == []
    with NWBHDF5IO(path, "r") as io:
        back = io.read().processing["behavior"]["Estimate"]
        assert back.activation.muscle_names == ["TA", "SOL"]
        np.testing.assert_array_equal(back.activation.data[:], estimate.activation.data)
        np.testing.assert_array_equal(back.model.weights[:], np.arange(50))
        assert back.model.sha256 == hashlib.sha256(bytes(range(50))).hexdigest()
        assert back.activation_std.measure == "standard deviation"
        assert (back.rate_parameter.distribution, back.rate_parameter.parameter) == ("gamma", "rate")
        assert (back.estimator, back.seed, back.sampling_rate) == ("Estimate", 0, 500.0)
        assert back.source_object_path == "acquisition/EMG"


def test_only_estimator_and_activation_are_required(tmp_path):
    muscles = mock_MusclesTable()
    texts = ["software", "software_version", "configuration"]
    sources = ["source_file", "source_identifier", "source_object_path", "source_object_id"]
    children = [*SPREAD_AND_PARAMETERS, "factors", "inputs", "initial_conditions", "model"]
    optional = dict.fromkeys([*texts, *sources, *children, "seed", "sampling_rate"])
    path = write(tmp_path / "file.nwb", muscles, mock_ActivationEstimate(muscles=muscles, **optional))
    assert validate(path=str(path)) == []
    with NWBHDF5IO(path, "r") as io:
        assert io.read().processing["behavior"]["Estimate"].seed is None


def test_a_dataframe_has_muscles_as_columns_and_seconds_as_index():
    series = mock_MuscleActivationSeries(muscles=mock_MusclesTable(), starting_time=3.0, conversion=2.0)
    table = series.to_dataframe()
    assert table.columns.tolist() == ["TA", "SOL"]
    np.testing.assert_allclose(table.index[:3], [3.0, 3.002, 3.004])
    np.testing.assert_allclose(table["SOL"], np.asarray(series.data)[:, 1] * 2.0)


def test_a_series_as_xarray_names_its_dimensions():
    pytest.importorskip("xarray")
    times = np.array([0.0, 0.1, 5.0])
    series = mock_LatentFactorSeries(data=np.ones((3, 4)), timestamps=times, rate=None, starting_time=None)
    array = series.to_xarray()
    assert array.dims == ("time", "factor")
    np.testing.assert_array_equal(array["time"], times)


def test_a_gap_is_in_the_times_and_in_the_segments_of_the_dataset():
    pytest.importorskip("xarray")
    times = np.r_[0.0, 0.002, 9.0, 9.002]
    timing = {"data": np.ones((4, 2)), "timestamps": times, "rate": None, "starting_time": None}
    muscles = mock_MusclesTable()
    children = [*SPREAD_AND_PARAMETERS, "factors", "inputs", "initial_conditions", "model"]
    estimate = mock_ActivationEstimate(
        muscles=muscles,
        activation=mock_MuscleActivationSeries(muscles=muscles, **timing),
        segment=np.array([0, 0, 1, 1]),
        **dict.fromkeys(children),
    )
    dataset = estimate.to_xarray()
    np.testing.assert_array_equal(dataset["time"], times)
    assert dataset["segment"].values.tolist() == [0, 0, 1, 1]
    assert dict(dataset.sizes) == {"time": 4, "muscle": 2}
    assert dataset["scale"].values.tolist() == [1e-4, 1e-4]
    assert (dataset.attrs["unit"], dataset.attrs["rate"]) == ("volts", 500.0)


def comparison(**columns):
    return mock_ActivationComparisonTable(
        columns=[VectorData(name=name, description=name, data=data) for name, data in columns.items()]
    )


def test_a_comparison_is_valid_and_comes_back_with_further_columns(tmp_path):
    table = mock_ActivationComparisonTable()
    table.add_column(name="units_used", description="Number of neurons.", data=np.arange(8))
    path = write(tmp_path / "file.nwb", table)
    assert validate(path=str(path)) == []
    with NWBHDF5IO(path, "r") as io:
        back = io.read().processing["behavior"]["comparison"]
        assert isinstance(back, ActivationComparisonTable)
        assert (back.software, back.software_version, back.configuration) == ("a program", None, "{}")
        np.testing.assert_array_equal(back["score"][:], table["score"].data)
        assert back.to_dataframe().query("estimator == 'B' and muscle == 'TA' and fold == 1")["units_used"].item() == 5


def test_a_comparison_as_xarray_has_each_score_over_what_it_depends_on():
    pytest.importorskip("xarray")
    table = comparison(
        estimator=["B", "B", "A", "A", "B", "A"],
        score_name=["r2", "r2", "r2", "r2", "delay", "delay"],
        score=[0.4, 0.3, 0.2, np.nan, 0.01, 0.02],
        unit=["", "", "", "", "s", "s"],
        muscle=["TA", "SOL", "TA", "SOL", "", ""],
        lag=np.full(6, np.nan),
        n=[10, 20, 30, 40, -1, -1],
    )
    dataset = table.to_xarray()
    assert set(dataset.data_vars) == {"r2", "r2_n", "delay"}
    assert dataset["r2"].dims == ("estimator", "muscle")
    np.testing.assert_array_equal(dataset["r2"].sel(estimator=["A", "B"], muscle="TA"), [0.2, 0.4])
    assert dataset["r2_n"].sel(estimator="A", muscle="SOL") == 40
    assert dataset["delay"].dims == ("estimator",)
    assert dataset["delay"].attrs == {"units": "s"}
    assert dataset.attrs == {"config": "{}"}


def test_two_rows_for_the_same_score_are_refused_as_xarray():
    pytest.importorskip("xarray")
    table = comparison(estimator=["A", "A"], score_name=["r2", "r2"], score=[0.1, 0.2])
    with pytest.raises(ValueError, match="two rows give 'r2' for estimator A"):
        table.to_xarray()


def test_a_comparison_without_scores_is_refused():
    with pytest.raises(ValueError, match="the columns score_name, score are missing"):
        mock_ActivationComparisonTable(columns=[VectorData(name="estimator", description="Name.", data=["A"])])


@pytest.mark.parametrize("mock", [mock_LatentFactorSeries, mock_InferredInputSeries])
def test_data_of_one_dimension_is_refused(mock):
    with pytest.raises(ValueError, match="incorrect shape for data"):
        mock(data=np.ones(5))


def test_a_column_without_a_muscle_is_refused():
    with pytest.raises(ValueError, match="data has 3 columns, but `muscles` names 2"):
        mock_MuscleActivationSeries(muscles=mock_MusclesTable(), data=np.ones((5, 3)))


def test_series_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="'factors' has 5 times, but 'activation' has 100"):
        mock_ActivationEstimate(muscles=mock_MusclesTable(), factors=mock_LatentFactorSeries(data=np.ones((5, 2))))


def test_arguments_are_keyword_only():
    with pytest.raises((SyntaxError, TypeError), match="MuscleActivationSeries"):
        MuscleActivationSeries("activation", np.ones((5, 2)))
    with pytest.raises((SyntaxError, TypeError), match="ActivationComparisonTable"):
        ActivationComparisonTable("comparison", "Scores.")


def test_series_are_time_series_so_that_any_reader_plots_them(tmp_path):
    muscles = mock_MusclesTable()
    path = write(tmp_path / "file.nwb", muscles, mock_ActivationEstimate(muscles=muscles))
    with h5py.File(path) as file:
        data = file["processing/behavior/Estimate/activation/data"]
        assert (data.shape, data.attrs["unit"]) == ((100, 2), "a.u.")
    assert issubclass(MuscleActivationSeries, TimeSeries)


@pytest.mark.parametrize("path", sorted(BACK_COMPAT.glob("*.nwb")), ids=lambda path: path.stem)
def test_files_of_every_released_version_are_read(path):
    assert validate(path=str(path)) == []
    with NWBHDF5IO(path, "r") as io:
        estimate = io.read().processing["behavior"]["Estimate"]
        assert estimate.activation.muscle_names == ["TA", "SOL"]
        with h5py.File(path) as file:
            stored = file["processing/behavior/Estimate/activation/data"][:]
        np.testing.assert_array_equal(estimate.to_dataframe().values, stored)
        assert estimate.activation_std.data.shape == (100, 2)
        weights = estimate.weights if path.stem < "0.2" else estimate.model.weights
        np.testing.assert_array_equal(weights[:], np.arange(50))
        assert (estimate.software_version, estimate.seed, estimate.factors.data.shape) == ("1.0", 0, (100, 3))
        assert estimate.initial_conditions["window_start"][:].tolist() == [0.0, 0.1]
        scores = io.read().processing["behavior"]["comparison"].to_dataframe()
        assert scores["muscle"].tolist() == ["TA", "TA", "SOL", "SOL"] * 2


@pytest.mark.parametrize("path", sorted(BACK_COMPAT.glob("0.1.*.nwb")), ids=lambda path: path.stem)
def test_an_estimate_of_today_can_stand_beside_one_of_version_0_1(path, tmp_path):
    both = Path(shutil.copy(path, tmp_path))
    with NWBHDF5IO(both, "a") as io:
        module = io.read().processing["behavior"]
        module.add(mock_ActivationEstimate(muscles=module["muscles"], name="Today"))
        io.write(module.get_ancestor("NWBFile"))
    assert validate(path=str(both)) == []
    with NWBHDF5IO(both, "r") as io:
        found = io.read().processing["behavior"]
        assert type(found["Estimate"].activation_std) is MuscleActivationSeries
        assert type(found["Today"].activation_std) is ActivationSpreadSeries
        assert found["Estimate"].model is None
    shown = opened_without_the_extension(both, "(sorted(module.data_interfaces), module['Today'].model.format)")
    assert shown == "(['Estimate', 'Today', 'comparison', 'muscles'], 'safetensors')"


def opened_without_the_extension(path, expression):
    """Return what an expression of the file's processing module gives where this package cannot be imported."""
    code = f"""
import sys
sys.modules["ndx_muscle_activation"] = None
from pynwb import NWBHDF5IO
with NWBHDF5IO({str(path)!r}, "r") as io:
    module = io.read().processing["behavior"]
    print({expression})
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def complete(tmp_path):
    """A file with everything that a version of today can hold."""
    spec = importlib.util.spec_from_file_location("write_file", BACK_COMPAT / "write_file.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    path = tmp_path / "complete.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(script.session())
    return path


def test_a_file_with_everything_is_valid_and_opens_without_the_extension(complete):
    assert validate(path=str(complete)) == []
    seen = (
        "(module['Estimate'].source_object.name, module['Estimate'].model.sessions['session'][:].tolist(), "
        "[len(each) for each in module['muscles']['electrodes'][:]], module['comparison']['estimate'][0].name, "
        "module['Estimate'].activation.channel_conversion[:].tolist(), module['Estimate']['force'].unit)"
    )
    assert opened_without_the_extension(complete, seen) == (
        "('EMG', ['monday', 'tuesday'], [2, 1], 'Estimate', [0.0001, 0.0001], 'newtons')"
    )


def test_an_estimate_leads_to_its_recording_its_electrodes_and_its_model(complete):
    with NWBHDF5IO(complete, "r") as io:
        nwbfile = io.read()
        estimate = nwbfile.processing["behavior"]["Estimate"]
        assert estimate.source_object is nwbfile.acquisition["EMG"]
        muscles = estimate.activation.muscles.table
        assert [each.index.tolist() for each in muscles["electrodes"][:]] == [[0, 1], [2]]
        assert muscles["source_series"][1] is nwbfile.acquisition["EMG"]
        assert [list(each) for each in estimate.model.sessions["muscles"][:]] == [["TA", "SOL"], ["TA"]]
        assert [each.name for each in nwbfile.processing["behavior"]["comparison"]["estimate"][:3]] == ["Estimate"] * 3


def test_a_series_under_any_name_is_kept(complete):
    with NWBHDF5IO(complete, "r") as io:
        estimate = io.read().processing["behavior"]["Estimate"]
        assert list(estimate.more_series) == ["force"]
        assert estimate["force"] is estimate.get_series("force")
        assert estimate["factors"] is estimate.factors
        with pytest.raises(KeyError, match="'Estimate' has no series 'absent'"):
            estimate["absent"]


def test_values_in_the_unit_of_the_recording_need_no_table(complete):
    with NWBHDF5IO(complete, "r") as io:
        activation = io.read().processing["behavior"]["Estimate"].activation
        assert (activation.unit, activation.channel_conversion_unit) == ("a.u.", "volts")
        in_volts = activation.data[:] * 1e-4
        np.testing.assert_allclose(activation.in_recorded_unit(), in_volts)
        np.testing.assert_allclose(activation.get_data_in_units(), in_volts)
        np.testing.assert_array_equal(activation.to_dataframe(), activation.data[:])


def test_a_series_without_factors_says_how_to_get_its_unit():
    series = mock_ActivationSpreadSeries(muscles=mock_MusclesTable())
    with pytest.raises(
        ValueError, match=r"'activation_std' has no channel_conversion: its values are in 'a\.u\.' only"
    ):
        series.in_recorded_unit()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"channel_conversion": np.ones(3)}, "data has 2 columns, but `channel_conversion` has 3 values"),
        ({"channel_conversion_unit": None}, "give `channel_conversion` and `channel_conversion_unit` together"),
    ],
)
def test_factors_that_do_not_fit_are_refused(given, problem):
    with pytest.raises(ValueError, match=problem):
        mock_MuscleActivationSeries(muscles=mock_MusclesTable(), **given)


def test_a_dataset_names_what_belongs_to_each_muscle_and_the_model(complete):
    pytest.importorskip("xarray")
    with NWBHDF5IO(complete, "r") as io:
        nwbfile = io.read()
        dataset = nwbfile.processing["behavior"]["Estimate"].to_xarray()
        assert dataset["electrodes"].values.tolist() == ["0 1", "2"]
        assert dataset["full_name"].values.tolist() == ["tibialis anterior", "soleus"]
        assert dataset["source_series"].values.tolist() == [nwbfile.acquisition["EMG"].object_id] * 2
    model = json.loads(dataset.attrs["model"])
    assert (model["model_id"], model["configuration"]) == ("a-model", {})
    assert [each["muscles"] for each in model["sessions"]] == [["TA", "SOL"], ["TA"]]


def test_a_series_of_other_muscle_values_is_in_the_dataset_and_another_is_not():
    pytest.importorskip("xarray")
    muscles = mock_MusclesTable()
    force = mock_DistributionParameterSeries(muscles=muscles, name="degrees", parameter="degrees of freedom")
    speed = TimeSeries(name="speed", data=np.ones(100), unit="m/s", rate=500.0)
    dataset = mock_ActivationEstimate(muscles=muscles, more_series=[force, speed]).to_xarray()
    assert dataset["degrees"].dims == ("time", "muscle")
    assert "speed" not in dataset
