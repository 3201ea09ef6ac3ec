"""What is drawn is what the file holds: EMG as preprocessing leaves it, estimates as read, events as written."""

import hashlib
import shutil

import h5py
import numpy as np
import pytest
from builders import new_nwbfile, save
from messages import assert_refused
from pynwb import NWBHDF5IO
from range_server import serve
from viewer_examples import HOSTILE, MUSCLES, TRIALS, estimated_session, recorded_session

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.quality import assess_quality
from nwb_autolfads.errors import SignalError, SourceError
from nwb_autolfads.evaluation.scores.events import Events, event_averages
from nwb_autolfads.segments import Segments
from nwb_autolfads.viewer import quality
from nwb_autolfads.viewer.quality import quality_of
from nwb_autolfads.viewer.rows import described
from nwb_autolfads.viewer.session import Session, opened_session
from nwb_autolfads.viewer.signals.signal import Signal
from nwb_autolfads.viewer.trials import MOST_TRIALS, trials_of


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return estimated_session(tmp_path_factory.mktemp("viewer"))


@pytest.fixture(scope="module")
def session(result):
    with opened_session(result) as opened:
        yield opened


def test_all_that_a_result_holds_is_drawn_and_nothing_is_left_out(session):
    assert set(session.signals) == {
        "emg",
        *(f"{kind}/AutoLFADS" for kind in ("activation", "band", "factors", "inputs", "inputs_band")),
        "activation/LowPass",
        "spikes",
        "movement/processing/behavior/angles/joint_angles",
    }
    assert session.muscles == list(MUSCLES)
    assert session.span == (0.0, 30.0)
    assert session.notes == []


def test_an_estimate_is_drawn_as_it_is_read_in_microvolts(session, result):
    estimate = nal.read_activation(result, "AutoLFADS")
    expected = (estimate["activation"] * estimate["scale"]).values * 1e6
    read = session.signals["activation/AutoLFADS"].signal.read
    for start, stop in ((0, 100), (7000, 9000), (0, len(expected))):
        low, high = read(start, stop)
        np.testing.assert_allclose(low, expected[start:stop], rtol=1e-5)
        np.testing.assert_array_equal(low, high)
    low, high = session.signals["band/AutoLFADS"].signal.read(0, 1000)
    spread = (estimate["activation_std"] * estimate["scale"]).values[:1000] * 1e6
    np.testing.assert_allclose(high, expected[:1000] + 1.645 * spread, rtol=1e-5)
    np.testing.assert_allclose(low, np.maximum(expected[:1000] - 1.645 * spread, 0), rtol=1e-4, atol=1e-3)


def test_factors_and_inputs_are_drawn_as_they_are_read_with_their_uncertainty(session, result):
    estimate = nal.read_activation(result, "AutoLFADS").isel(time=slice(100, 300))
    factors, _ = session.signals["factors/AutoLFADS"].signal.read(100, 300)
    np.testing.assert_array_equal(factors, estimate["factors"].values)
    low, high = session.signals["inputs_band/AutoLFADS"].signal.read(100, 300)
    for edge, sign in ((low, -1), (high, 1)):
        expected = estimate["inputs"].values + sign * 1.645 * estimate["inputs_std"].values
        np.testing.assert_allclose(edge, expected, rtol=1e-5, atol=1e-6)
    (row,) = (row for row in described(session)["rows"] if row["group"] == "inputs")
    assert [layer["kind"] for layer in row["layers"]] == ["band", "band", "line", "line"]


def test_emg_is_drawn_as_preprocessing_rectifies_it_whatever_stretch_is_asked_for(session, result):
    # At the recording's own rate, without clip, scaled back, not whitened.
    config = PreprocessingConfig(analysis_rate_hz=1000.0, clip_quantile=1.0, spectrum="keep")
    with nal.open_emg(result, path="acquisition/EMG", muscles=MUSCLES) as recording:
        emg = nal.preprocess(recording, config)
    expected = (emg * emg["scale"]).values * 1e6
    read = session.signals["emg"].signal.read
    # The margin forgets all but a thousandth of what lies beyond it.
    tolerance = 2e-3 * expected.max()
    for start, stop in ((0, 30_000), (0, 500), (12_345, 13_000), (29_000, 30_000)):
        np.testing.assert_allclose(read(start, stop)[0], expected[start:stop], atol=tolerance)


def test_events_and_trials_are_those_of_the_file(session):
    np.testing.assert_array_equal(session.intervals["trials"], np.stack([TRIALS, TRIALS + 2], axis=1))


def test_a_recording_beside_its_result_is_drawn_with_it(tmp_path):
    recorded = recorded_session(tmp_path / "session.nwb")
    linked = tmp_path / "linked.nwb"
    with pytest.raises(SystemExit) as ended:
        main(["run", str(recorded), "--estimator", "lowpass", "--link", "--out", str(linked), "--muscles", "TA,B,C"])
    assert not ended.value.code
    with opened_session(linked) as session:
        assert set(session.signals) >= {"emg", "spikes", "activation/LowPass"}
        assert session.muscles == ["TA", "B", "C"]
        assert session.notes == []


def test_a_recording_alone_is_drawn(tmp_path):
    recorded = recorded_session(tmp_path / "session.nwb")
    with opened_session(recorded) as alone:
        assert list(alone.signals) == ["emg", "movement/processing/behavior/angles/joint_angles", "spikes"]
        rows = described(alone)["rows"]
        assert [row["label"] for row in rows[:3]] == list(MUSCLES)
        assert all(row["range"][1] > 0 for row in rows)


def test_looking_changes_nothing(result):
    before = hashlib.sha256(result.read_bytes()).hexdigest()
    with opened_session(result) as session:
        described(session)
        session.wait_for()
    assert hashlib.sha256(result.read_bytes()).hexdigest() == before


def test_a_file_that_may_not_be_written_is_drawn(result):
    mode = result.stat().st_mode
    result.chmod(0o444)
    try:
        with opened_session(result) as session:
            assert session.muscles == list(MUSCLES)
    finally:
        result.chmod(mode)


def test_estimates_in_zarr_are_drawn_as_those_in_hdf5(result, session, tmp_path):
    nwb_zarr = pytest.importorskip("hdmf_zarr.nwb", reason="the extra `zarr` is not installed")
    folder = tmp_path / "result.nwb.zarr"
    with NWBHDF5IO(result, "r") as source, nwb_zarr.NWBZarrIO(str(folder), mode="w") as target:
        target.export(src_io=source, write_args={"link_data": False})
    with opened_session(folder) as opened:
        assert opened.notes == []
        assert set(opened.signals) == set(session.signals)
        for key in ("activation/AutoLFADS", "band/AutoLFADS", "inputs/AutoLFADS", "emg"):
            found, expected = (each.signals[key].signal.read(500, 900) for each in (opened, session))
            np.testing.assert_array_equal(found, expected)


def test_estimates_at_an_address_are_left_out_and_said(result):
    pytest.importorskip("remfile", reason="the extra `streaming` is not installed")
    with serve(result.parent) as server, opened_session(server.address(result.name)) as opened:
        assert opened.estimates == {}
        assert opened.notes == [
            f"{name} is not drawn: estimates are read of a file on this machine; download this one to see them"
            for name in ("AutoLFADS", "LowPass")
        ]
        assert "emg" in opened.signals


def test_quality_is_judged_once_and_behind_the_page_before_anybody_asks(result, monkeypatch):
    asked = []
    monkeypatch.setattr(quality, "assess_quality", lambda *given: asked.append(given) or assess_quality(*given))
    with opened_session(result, head_start=0.01) as opened:
        opened.looked_at.set()
        opened.builder.join(60)
        with nal.open_emg(result, path="acquisition/EMG", muscles=MUSCLES) as recording:
            assert quality_of(opened).identical(assess_quality(recording))
        assert len(asked) == 1


def test_a_session_that_is_closed_is_judged_no_further(result):
    with opened_session(result) as opened:
        opened.closing.set()
        with assert_refused(SignalError, "result.nwb: it was closed", "Open it again"):
            quality_of(opened)


def test_what_cannot_be_drawn_is_said(tmp_path):
    nwbfile = new_nwbfile()
    nwbfile.add_trial(start_time=1.0, stop_time=2.0)
    file = save(nwbfile, tmp_path / "plain.nwb")
    with (
        assert_refused(
            SourceError,
            f"{file}: nothing in it can be drawn; The EMG is not drawn: no EMG was found",
            "See what is in it: nwb-autolfads inspect FILE",
        ),
        opened_session(file),
    ):
        pass


@pytest.mark.parametrize(("before", "after"), [(0.5, 1.0), (0.0, 0.2)])
def test_trials_average_as_the_comparison_of_events_does(session, result, before, after):
    estimate = nal.read_activation(result, "LowPass")
    signal = (estimate["activation"] * estimate["scale"]).sel(muscle="TA") * 1e6
    expected = event_averages(signal, Events("trials", TRIALS, before, after))
    found = trials_of(session, "activation/LowPass", "TA", "trials", before, after)
    np.testing.assert_allclose(found.from_event, expected["from_event"].values, atol=1e-9)
    np.testing.assert_allclose(found.mean, expected["mean"].values, rtol=1e-4)
    np.testing.assert_array_equal(found.times, TRIALS)


def test_trials_without_their_whole_window_are_left_out_and_many_are_thinned(session):
    session.events["made up"] = np.concatenate([[0.1], np.linspace(1.0, 29.0, 1000), [29.9]])
    try:
        found = trials_of(session, "activation/LowPass", "TA", "made up", 0.5, 0.5)
    finally:
        del session.events["made up"]
    assert len(found.times) == MOST_TRIALS
    assert (found.times[0], found.times[-1]) == (1.0, 29.0)


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.0), (-1.0, 2.0), (20.0, 20.0), (float("nan"), 1.0)])
def test_a_window_that_is_none_is_refused(session, before, after):
    with assert_refused(
        SignalError,
        f"trials: a window of {before:g} s before to {after:g} s after an event is empty or longer than 30 s",
        "Choose another window",
    ):
        trials_of(session, "activation/LowPass", "TA", "trials", before, after)


def test_events_that_are_not_there_are_refused(session):
    with assert_refused(
        SignalError,
        "nothing: no event has 0.1 s before and 0.1 s after it recorded",
        "Choose other events, or a shorter window",
    ):
        trials_of(session, "activation/LowPass", HOSTILE, "nothing", 0.1, 0.1)


def test_an_estimate_that_is_damaged_is_left_out_and_said(result, tmp_path):
    damaged = tmp_path / "damaged.nwb"
    shutil.copy(result, damaged)
    with h5py.File(damaged, "r+") as file:
        series = file["processing/behavior/AutoLFADS/factors"]
        del series["data"]
        series["data"] = np.zeros((10, 2), np.float32)
        series["data"].attrs["unit"] = "a.u."
    with opened_session(damaged) as session:
        assert list(session.estimates) == ["LowPass"]
        assert session.notes == [
            "AutoLFADS is not drawn: factors is of 10 times and 2 columns, activation of 15000 times"
        ]
        assert "emg" in session.signals


def test_trials_are_read_from_the_segment_that_they_are_in():
    session = Session("gaps")
    segments = Segments.of_lengths([300, 500], 100.0, [0.0, 5.0])
    time = segments.times.astype(np.float32)[:, None]
    session.add("activation/A", Signal(("TA",), segments, lambda start, stop: (time[start:stop], time[start:stop])))
    session.events["steps"] = np.array([0.1, 1.0, 2.9, 4.0, 5.1, 5.5, 9.0, 9.9])
    found = trials_of(session, "activation/A", "TA", "steps", 0.3, 0.2)
    assert found.times.tolist() == [1.0, 5.5, 9.0]
    np.testing.assert_allclose(found.values, found.times[:, None] + found.from_event, atol=1e-5)


def test_a_row_is_as_high_as_its_estimates_with_room_for_the_emg(session, result):
    rows = {row["label"]: row for row in described(session)["rows"]}
    estimate = nal.read_activation(result, "AutoLFADS")
    largest = (estimate["activation"] * estimate["scale"]).sel(muscle="TA").values * 1e6
    assert 1.3 * np.quantile(largest, 0.99) < rows["TA"]["range"][1] <= 1.6 * largest.max()
