"""The types: made with mocks, written, read, and refused where their shapes do not agree."""

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdmf.common import VectorData
from ndx_muscle_activation import ActivationComparisonTable, MuscleActivationSeries
from ndx_muscle_activation.testing import (
    mock_ActivationComparisonTable,
    mock_ActivationEstimate,
    mock_InferredInputSeries,
    mock_LatentFactorSeries,
    mock_MuscleActivationSeries,
    mock_MusclesTable,
)
from pynwb import NWBHDF5IO, NWBFile, TimeSeries, validate

ROOT = Path(__file__).resolve().parents[3]
BACK_COMPAT = Path(__file__).parent / "back_compat"
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
    weights = np.arange(50, dtype=np.uint8)
    estimate = mock_ActivationEstimate(muscles=muscles, weights=weights, segment=np.zeros(100, dtype=np.int32))
    path = write(tmp_path / "file.nwb", muscles, estimate)
    assert validate(path=str(path)) == []
    with NWBHDF5IO(path, "r") as io:
        back = io.read().processing["behavior"]["Estimate"]
        assert back.activation.muscle_names == ["TA", "SOL"]
        np.testing.assert_array_equal(back.activation.data[:], estimate.activation.data)
        np.testing.assert_array_equal(back.weights[:], weights)
        assert back.activation_std.statistic == "standard deviation"
        assert (back.estimator, back.seed, back.sampling_rate) == ("Estimate", 0, 500.0)
        assert back.source_object_path == "acquisition/EMG"


def test_only_estimator_and_activation_are_required(tmp_path):
    muscles = mock_MusclesTable()
    texts = ["software", "software_version", "configuration"]
    sources = ["source_file", "source_identifier", "source_object_path", "source_object_id"]
    children = ["activation_std", "factors", "inputs", "initial_conditions"]
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
    children = ["activation_std", "factors", "inputs", "initial_conditions"]
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
        np.testing.assert_array_equal(estimate.weights[:], np.arange(50))
        assert (estimate.software_version, estimate.seed, estimate.factors.data.shape) == ("1.0", 0, (100, 3))
        assert estimate.initial_conditions["window_start"][:].tolist() == [0.0, 0.1]
        scores = io.read().processing["behavior"]["comparison"].to_dataframe()
        assert scores["muscle"].tolist() == ["TA", "TA", "SOL", "SOL"] * 2
