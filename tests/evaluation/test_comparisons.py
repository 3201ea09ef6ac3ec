"""Comparisons of what a file holds: one call each, one command, and every format the scores leave in."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, new_nwbfile, raw_emg, save
from messages import assert_refused
from pynwb import TimeSeries

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.errors import SourceError
from nwb_autolfads.results.comparison import read_comparison
from nwb_autolfads.simulate import SimulationConfig
from nwb_autolfads.sources.nwb.behavior import read_behavior
from nwb_autolfads.sources.spikes.trains import read_spikes

FAST = {"n_folds": 4, "n_shuffles": 0}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparisons")
    config = SimulationConfig(n_cortical_units=12, locomotion_bout_s=4.0, burst_bout_s=2.0, isometric_bout_s=2.0)
    session = nal.simulate_session(folder / "session.nwb", seed=3, duration=16.0, config=config)
    with nal.open_emg(session) as recording:
        emg = nal.preprocess(recording)
    out = folder / "out.nwb"
    for name, cutoff in (("LowPass", 15.0), ("Slow", 3.0)):
        estimate = nal.LowPass(cutoff=cutoff).fit(emg).estimate(emg)
        if out.exists():
            nal.write_activation(estimate, out, in_place=True, name=name)
        else:
            nal.write_activation(estimate, session, out, name=name)
    return out


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return ended.value.code or 0, printed.out, printed.err


def test_a_file_is_compared_with_its_own_units_in_one_call(result):
    scores = nal.compare_with_cortex(result, **FAST)
    assert scores["estimator"].values.tolist() == ["LowPass", "Slow"]
    assert scores["r2"].sizes == {"estimator": 2, "muscle": 12}
    assert json.loads(scores.attrs["config"])["events"] == "steps:start_time"
    assert float(scores["population_r2"].sel(estimator="LowPass")) > float(
        scores["population_r2"].sel(estimator="Slow")
    )


def test_spike_counts_in_the_file_stand_in_for_its_units(result, tmp_path):
    trains = read_spikes(result)
    edges = np.arange(0, 16.0001, 0.01)
    nwbfile = new_nwbfile()
    series = TimeSeries(name="counts", data=trains.counts(edges), rate=100.0, unit="spikes")
    nwbfile.create_processing_module("ecephys", "spikes").add(series)
    counts = save(nwbfile, tmp_path / "counts.nwb")
    binned = nal.compare_with_cortex(result, counts, counts="processing/ecephys/counts", **FAST)
    own = nal.compare_with_cortex(result, **FAST)
    # The bins of the counts lie 4 ms from those of the activation, so scores are alike and not the same.
    np.testing.assert_allclose(binned["population_r2"], own["population_r2"], atol=0.05)
    assert binned.attrs["n_units"] == own.attrs["n_units"]


def test_a_file_is_compared_with_its_own_behaviour_in_one_call(result):
    scores = nal.compare_with_behavior(result, derivatives=(0, 2), **FAST)
    assert set(scores["target"].values) >= {"knee", "d2 knee/dt2", "force"}
    acceleration = scores["r2"].sel(target="d2 force/dt2")
    assert float(acceleration.sel(estimator="LowPass")) > float(acceleration.sel(estimator="Slow"))
    only = nal.compare_with_behavior(result, series=["*/joint_angles"], derivatives=(0,), **FAST)
    assert only["target"].values.tolist() == ["hip", "knee", "ankle"]


def test_the_frequency_response_is_that_of_the_filters_in_every_phase(result):
    response = nal.frequency_response(result)
    assert response.sizes["phase"] >= 2
    corners = response["corner"].median("muscle")
    # A Butterworth filter of order 4 that runs both ways is 3 dB down where one way is 1.5 dB down.
    for name, cutoff in (("LowPass", 15.0), ("Slow", 3.0)):
        expected = cutoff * (10 ** (3 / 20) - 1) ** (1 / 8)
        np.testing.assert_allclose(corners.sel(estimator=name), expected, rtol=0.15)


def test_estimates_of_two_settings_are_each_compared_with_their_own_emg(tmp_path, capsys):
    source = file_with_2d_series(tmp_path / "walk.nwb", 3e-4 * raw_emg(3000), comments="columns: TA, SOL, GM")
    out, rectified = tmp_path / "out.nwb", tmp_path / "rectified.yaml"
    rectified.write_text("preprocessing: {preset: rectified}\n")
    first = ("run", source, "--estimator", "lowpass", "--out", out)
    assert run(capsys, *first)[0] == 0
    again = ("run", out, "--estimator", "lowpass", "--name", "Raw", "--config", rectified, "--in-place")
    assert run(capsys, *again)[0] == 0
    found = nal.frequency_response(out)
    assert found["estimator"].values.tolist() == ["LowPass", "Raw"]
    # Each is the same filter of its own EMG, of which nothing but that filter is between the two.
    coherence = found["coherence"].isel(phase=0).sel(frequency=slice(0, 20)).median(("muscle", "frequency"))
    assert coherence.sel(estimator=["LowPass", "Raw"]).min() > 0.95


def test_coherence_with_the_force_of_the_file_and_with_a_series_that_was_named(result):
    found = nal.force_coherence(result)
    assert found["target"].values.tolist() == ["force", "d force/dt"]  # and none of the angles
    assert (found["lower"] <= found["coherence"]).all()
    assert (found["coherence"] <= found["upper"]).all()
    # What 3 Hz has taken away is not there to follow force.
    reached = found["coherent_up_to"].fillna(0).mean("muscle").sel(target="force")
    assert float(reached.sel(estimator="LowPass")) > float(reached.sel(estimator="Slow")) > 0
    named = nal.force_coherence(result, series=["*/joint_angles"], derivatives=(0,))
    assert named["target"].values.tolist() == ["hip", "knee", "ankle"]
    slow = nal.read_activation(result, "Slow")
    given = nal.force_coherence(slow, read_behavior(result, ["*/ground_force"]))
    np.testing.assert_allclose(given["coherence"].values[0], found["coherence"].sel(estimator="Slow").values)
    with assert_refused(
        SourceError, "force: estimates alone do not say what to compare them with", "Give force too, or a file"
    ):
        nal.force_coherence(slow)


def test_estimates_in_memory_need_what_they_are_compared_with(result):
    estimate = nal.read_activation(result, "LowPass")
    with assert_refused(
        SourceError, "spikes: estimates alone do not say what to compare them with", "Give spikes too, or a file"
    ):
        nal.compare_with_cortex(estimate)
    scores = nal.compare_with_cortex({"one": estimate}, result, **FAST)
    assert scores["estimator"].values.tolist() == ["one"]
    assert scores.sizes["pair"] == 0


def test_the_command_prints_tables_and_writes_every_format(result, tmp_path, capsys):
    table, folder = tmp_path / "scores.csv", tmp_path / "nc"
    code, out, err = run(
        capsys,
        "compare",
        result,
        "--folds",
        "4",
        "--shuffles",
        "0",
        "--behavior",
        "*/ground_force",
        "--write",
        "--csv",
        table,
        "--netcdf",
        folder,
        "--json",
    )
    assert code == 0, err
    for said in ("Motor cortex", "Behaviour from all muscles", "Frequency response", "Force: ", "cortex_comparison"):
        assert said in err
    printed = json.loads(out)
    in_json = {
        (row["estimator"], row["muscle"]): row["value"] for row in printed["cortex"]["scores"] if row["score"] == "r2"
    }
    stored = read_comparison(result, "cortex_comparison")
    with table.open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["compared_with"] == "cortex" and row["score"] == "r2"]
    assert len(rows) == len(in_json) == 24
    with xr.open_dataset(folder / "cortex.nc") as opened:
        for row in rows:
            place = {"estimator": row["estimator"], "muscle": row["muscle"]}
            expected = in_json[row["estimator"], row["muscle"]]
            assert float(row["value"]) == pytest.approx(expected)
            assert float(stored["r2"].sel(place)) == pytest.approx(expected)
            assert float(opened["r2"].sel(place)) == pytest.approx(expected)
    assert "r2_fold" in read_comparison(result, "behavior_comparison")
    with xr.open_dataset(folder / "force.nc") as opened:
        peak = opened["coherence"].max("frequency")
        stored_peak = read_comparison(result, "force_comparison")["peak_coherence"]
        xr.testing.assert_allclose(stored_peak.drop_vars(stored_peak.coords), peak.drop_vars(peak.coords))
    in_json = [row["value"] for row in printed["force"]["scores"] if row["score"] == "peak_coherence"]
    np.testing.assert_allclose(in_json, peak.values.ravel())
    code, _, err = run(capsys, "compare", result, "--folds", "4", "--shuffles", "0", "--csv", table)
    assert code == 1
    assert "exists already" in err


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")
    session = file_with_2d_series(folder / "emg.nwb", raw_emg(8000), comments="columns: TA, SOL, GM")
    with nal.open_emg(session) as recording:
        emg = nal.preprocess(recording)
    nal.write_activation(nal.LowPass(cutoff=20.0).fit(emg).estimate(emg), session, folder / "out.nwb")
    return folder / "out.nwb"


def test_events_phases_and_the_time_around_events_reach_the_page(bare, monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr("nwb_autolfads.commands.report.render_page", lambda *_, **given: asked.update(given) or "page")
    options = ["--events", "steps:foot_off_time", "--before", "0.2", "--after", "0.3", "--phases", "trials:kind"]
    with pytest.raises(SystemExit) as ended:
        main(["report", str(bare), "--out", str(tmp_path / "page.html"), *options])
    assert not ended.value.code
    assert asked["asked"] == {
        "events": "steps:foot_off_time",
        "before": 0.2,
        "after": 0.3,
        "phases": "trials:kind",
        "outside_links": None,
    }
    assert asked["commands"][-1] == (
        "nwb-autolfads report out.nwb --events steps:foot_off_time --before 0.2 --after 0.3 --phases trials:kind"
    )


def test_a_file_without_units_or_behaviour_says_so_and_still_gives_the_response(bare, capsys, tmp_path):
    code, out, err = run(capsys, "compare", bare, "--json")
    assert code == 0, err
    printed = json.loads(out)
    assert "holds no spike times" in printed["missing"]["cortex"]
    assert "holds no behavioural series" in printed["missing"]["behavior"]
    assert "holds no series that is a force by its name or unit" in printed["missing"]["force"]
    assert printed["response"]["scores"]
    with assert_refused(
        SourceError, f"{bare}: holds no spike times of sorted units", "Choose a file with a units table"
    ):
        nal.compare_with_cortex(bare)
    copy = Path(shutil.copy(bare, tmp_path / "copy.nwb"))
    code, out, err = run(capsys, "compare", copy, "--write")
    assert code == 0, err
    assert "Wrote processing/behavior/emg_comparison" in out


def test_what_was_asked_for_by_name_must_be_there(bare, result, capsys):
    code, _, err = run(capsys, "compare", bare, "--behavior", "processing/behavior/knee")
    assert code == 1
    assert "there is no such series of numbers" in err
    code, _, err = run(capsys, "compare", result, "--events", "reaches:start_time")
    assert code == 1
    assert "there is no table or series of events of this name" in err
    assert "steps:foot_off_time" in err


def test_a_file_without_estimates_is_refused(tmp_path, capsys):
    session = file_with_2d_series(tmp_path / "emg.nwb")
    code, _, err = run(capsys, "compare", session)
    assert code == 1
    assert "holds no estimate of activation" in err
