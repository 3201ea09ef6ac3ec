"""A file in which nearly everything is in the way of a comparison: what can be compared is, and the rest is said."""

import json

import numpy as np
import pytest
from builders import emg_series, new_nwbfile, raw_emg, save
from messages import assert_refused
from pynwb import TimeSeries

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.evaluation import compare_file

SECONDS = 14


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    rng = np.random.default_rng(0)
    raw = raw_emg(1000 * SECONDS)
    raw[:, 2] = 0.0
    nwbfile = new_nwbfile()
    nwbfile.add_acquisition(emg_series(raw, comments="columns: TA, SOL, GM"))
    slow = np.cumsum(rng.normal(size=(20 * SECONDS, 2)), axis=0)
    slow[40:60, 0] = np.nan
    series = {
        "angle": {"data": slow, "rate": 20.0, "unit": "degrees", "comments": "columns: hip, knee"},
        "ground_force": {"data": np.full(100 * SECONDS, 9.81), "rate": 100.0, "unit": "newtons"},
        "later": {"data": rng.normal(size=500), "rate": 100.0, "starting_time": 1000.0, "unit": "m"},
        "never": {"data": np.full(100 * SECONDS, np.nan), "rate": 100.0, "unit": "m"},
        "strikes": {"data": [1.0, 1.0, 1.0, 1.0], "timestamps": [0.3, 1.0, 1.1, 5.0], "unit": "n.a."},
        "once": {"data": [1.0], "timestamps": [3.0], "unit": "m"},
    }
    module = nwbfile.create_processing_module("behavior", "all that can go wrong")
    module.add([TimeSeries(name=name, **fields) for name, fields in series.items()])
    for _ in range(3):
        nwbfile.add_unit(spike_times=2000 + np.sort(rng.uniform(0, 10, 100)))
    nwbfile.add_trial(start_time=2.0, stop_time=4.0)
    folder = tmp_path_factory.mktemp("bad")
    session = save(nwbfile, folder / "bad.nwb")
    with (
        nal.open_emg(session, path="acquisition/EMG") as recording,
        pytest.warns(UserWarning, match=r"left out as not usable: .*GM \("),
    ):
        emg = nal.preprocess(recording)
    return nal.write_activation(nal.LowPass(10.0).fit(emg).estimate(emg), session, folder / "out.nwb")


def test_the_command_compares_what_it_can_and_says_the_rest(result, capsys):
    command = ["compare", str(result), "--events", "trials", "--folds", "4", "--shuffles", "0", "--json"]
    command += ["--bin-width", "0.02"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    printed = capsys.readouterr()
    assert not ended.value.code, printed.err
    found = json.loads(printed.out)
    assert found["behavior"]["config"]["bin_width_s"] == 0.02
    scored = {row["target"] for row in found["behavior"]["scores"] if row["score"] == "r2"}
    assert scored >= {"hip", "knee"}
    assert not {name for name in scored if "force" in name}
    assert found["missing"] == {
        "cortex": "no spike lies in the time of the activation, 0.0 to 14.0 s",
        "force": "no force can be used (ground_force: does not vary; d ground_force/dt: does not vary)",
    }
    why = {
        "ground_force": "does not vary",
        "later": "known in 0 % of the time of the estimates",
        "never": "known in 0 % of the time of the estimates",
    }
    derivatives = {f"{d}{name}{dt}": why[name] for name in why for d, dt in (("", ""), ("d ", "/dt"), ("d2 ", "/dt2"))}
    derivatives |= {"strikes": "known in 6 % of the time of the estimates"}
    derivatives |= dict.fromkeys(("d strikes/dt", "d2 strikes/dt2"), "known in 0 % of the time of the estimates")
    assert sorted(found["notes"]) == sorted(
        [
            "1 of trials:start_time in the time of the estimates: too few for an average",
            "processing/behavior/once was left out: has 1 sample(s): too few for a rate",
            "processing/behavior/angle has 20 Hz: between its samples it was interpolated",
            "processing/behavior/angle is NaN in 20 of 280 samples: those were left out",
            "processing/behavior/never is NaN in 1400 of 1400 samples: those were left out",
            "processing/behavior/strikes has 2.5 Hz: between its samples it was interpolated",
            "muscle GM was left out: unusable EMG: nothing was estimated",
            *(f"target {name} was left out: {reason}" for name, reason in derivatives.items()),
        ]
    )


def test_the_stretch_around_events_is_the_one_asked_for(result):
    found = compare_file(result, events="processing/behavior/strikes", around=(0.2, 0.3), n_folds=4, n_shuffles=0)
    assert (found.events.before, found.events.after) == (0.2, 0.3)
    assert found.events.times.tolist() == [0.3, 1.0, 1.1, 5.0]


def test_each_call_says_what_it_cannot_do(result):
    with assert_refused(
        SignalError,
        "spikes: no spike lies in the time of the activation, 0.0 to 14.0 s",
        "Check that spikes and EMG are on one clock",
    ):
        nal.compare_with_cortex(result)
    with assert_refused(
        SignalError,
        "no behaviour can be predicted (later: known in 0 % of the time of the estimates; d later/dt: known "
        "in 0 % of the time of the estimates; d2 later/dt2: known in 0 % of the time of the estimates)",
        "Choose another series with --behavior PATH",
    ):
        nal.compare_with_behavior(result, series=["*/later"], n_folds=4)
    with assert_refused(
        SourceError,
        f"{result}, processing/behavior/once: has 1 sample(s): too few for a rate",
        "Resample the series to one rate, or correct its timestamps",
    ):
        nal.compare_with_behavior(result, series=["*/once"], n_folds=4)
    with assert_refused(
        SignalError,
        "force: no force can be used (ground_force: does not vary; d ground_force/dt: does not vary)",
        "Give a shorter window, or another series",
    ):
        nal.force_coherence(result)
