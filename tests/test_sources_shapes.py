"""Every way in which archives store EMG is read as what it is, and an event keeps its time through all of them."""

from __future__ import annotations

import neo
import numpy as np
import pytest
import quantities as pq
from builders import (
    ARCHIVES,
    FALCON_MUSCLES,
    clock,
    dandi_000473,
    dandi_000540,
    dandi_000718,
    dandi_000939,
    dandi_000941,
    dandi_001070,
    turner_lab,
)
from spikeinterface import NumpyRecording

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.sources import open_emg

EVENTS = (14.1234, 17.0, 24.4567, 36.7771)


def bursts(time, *, width: float = 0.05):
    """A burst at each event, on a carrier that alternates in sign so that its rectified size is the burst itself."""
    size = sum(np.exp(-0.5 * ((time - event) / width) ** 2) for event in EVENTS)
    carrier = np.sign(np.sin(2 * np.pi * 213 * time + 0.1))
    return np.stack([size * carrier, size * np.roll(carrier, 1)], axis=1)


@pytest.mark.parametrize(
    ("build", "muscles", "rate", "unit", "rectified", "n_segments"),
    [
        (dandi_000941, tuple(FALCON_MUSCLES), 50.0, "mV", True, 1),
        (dandi_001070, ("TA", "SOL"), 2000.0, "V", False, 1),
        (dandi_000718, ("muscle 1",), 2000.0, "V", False, 1),
        (dandi_000473, ("TA", "SOL"), 1000.0, "V", False, 1),
        (dandi_000939, ("muscle 1",), 1250.0, "a.u.", False, 1),
        (dandi_000540, tuple(f"muscle {number}" for number in range(1, 37)), 2000.0, "a.u.", False, 1),
        (turner_lab, ("biceps", "triceps"), 1000.0, "a.u.", True, 3),
    ],
)
def test_each_archive_is_read_as_what_it_is(tmp_path, build, muscles, rate, unit, rectified, n_segments):
    path, emg = build(tmp_path / "a.nwb", bursts)
    with open_emg(path, path=emg) as recording:
        assert sorted(recording.muscles) == sorted(muscles)
        assert recording.rate == pytest.approx(rate)
        assert (recording.unit, recording.rectified, len(recording.segments)) == (unit, rectified, n_segments)
        assert recording.segments[0].start_time == 12.34


def test_the_mask_of_falcon_is_carried_and_not_taken_for_a_muscle(tmp_path):
    path, _ = dandi_000941(tmp_path / "a.nwb", bursts)
    with open_emg(path) as recording:
        emg = preprocess(recording)
        assert (
            "acquisition/eval_mask is carried along as the mask 'eval_mask', and not applied" in recording.assumptions
        )
    np.testing.assert_array_equal(emg["eval_mask"].values, emg["time"].values > 20)


def of_neo(path, emg):
    segment = neo.Segment()
    segment.analogsignals.append(
        neo.AnalogSignal(
            emg(clock(2000.0, (12.34, 60000))),
            "mV",
            sampling_rate=2 * pq.kHz,
            t_start=12.34 * pq.s,
            array_annotations={"channel_names": np.array(["EMG TA", "EMG SOL"])},
        )
    )
    return segment, None


def of_spikeinterface(path, emg):
    parts = [(12.34, 20000), (23.1, 30000)]
    traces = [emg(clock(2000.0, part)) for part in parts]
    return NumpyRecording(traces, 2000.0, t_starts=[start for start, _ in parts]), None


@pytest.mark.parametrize("build", [*ARCHIVES, of_neo, of_spikeinterface])
@pytest.mark.parametrize("analysis_rate", [500.0, 333.0])
def test_an_event_keeps_its_time_within_half_a_bin(tmp_path, build, analysis_rate):
    # Bins of 20 ms need wider bursts to show the centre of one between them.
    width = 0.1 if build is dandi_000941 else 0.05
    source, path = build(tmp_path / "a.nwb", lambda time: bursts(time, width=width))
    with open_emg(source, path=path) as recording:
        config = PreprocessingConfig(analysis_rate_hz=analysis_rate, clip_quantile=1.0, notch_harmonics=0)
        emg = preprocess(recording, config)
    emg = emg * emg["scale"]
    found = 0
    for event in EVENTS:
        near = emg.sel(time=slice(event - 6 * width, event + 6 * width))
        if near["time"].size < 10 or near["time"][-1] - near["time"][0] < 11 * width:
            continue  # not recorded
        swing = near - near.min("time")
        centre = (swing * swing["time"]).sum("time") / swing.sum("time")
        assert np.abs(centre.values - event).max() < 0.5 / emg.attrs["rate"]
        found += 1
    assert found >= 3
