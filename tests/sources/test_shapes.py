"""Every way in which archives store EMG is read as what it is, and an event keeps its time through all of them."""

from __future__ import annotations

import neo
import numpy as np
import pytest
import quantities as pq
from builders import (
    ARCHIVES,
    FALCON_MUSCLES,
    analog_channels,
    bipolar_pairs,
    clock,
    dandi_000473,
    dandi_000540,
    dandi_000718,
    dandi_000939,
    dandi_000941,
    dandi_001070,
    emg_series,
    file_with_container,
    turner_lab,
)
from spikeinterface import NumpyRecording

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import SourceError
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
        (analog_channels, ("EMG_TA", "EMG_SOL"), 2000.0, "V", False, 1),
        (bipolar_pairs, ("TA", "SOL"), 2000.0, "V", False, 1),
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


def test_series_that_start_and_end_apart_are_cut_to_the_time_they_share(tmp_path):
    late, gap = clock(1000.0, (12.4, 9000)), clock(1000.0, (12.34, 4000), (17.5, 6000))
    series = [
        emg_series(bursts(time)[:, 0] + level, name=name, timestamps=time)
        for name, time, level in (("EMG_SOL", late, 2.0), ("EMG_TA", gap, 3.0))
    ]
    shared = np.array(sorted(set(np.rint(late * 1000).astype(int)) & set(np.rint(gap * 1000).astype(int)))) / 1000
    with open_emg(file_with_container(tmp_path / "a.nwb", series, name="EMG")) as recording:
        starts = [(part.start_time, part.n_samples) for part in recording.segments]
        np.testing.assert_allclose(starts, [(12.4, 3940), (17.5, 3900)])
        order = [recording.muscles.index(name) for name in ("SOL", "TA")]
        block = recording.read(0, recording.n_samples)[:, order]
        np.testing.assert_array_equal(recording.read(3900, 4000)[:, order], block[3900:4000])
        assert any("cut to the time they share, 2160 samples less" in said for said in recording.assumptions)
    for column, (time, level) in enumerate(((late, 2.0), (gap, 3.0))):
        at = np.searchsorted(np.rint(time * 1000), np.rint(shared * 1000))
        np.testing.assert_allclose(block[:, column], (bursts(time)[:, 0] + level)[at], rtol=1e-6)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (clock(1000.0, (100.0, 5000)), "they share no time"),
        (clock(500.0, (12.34, 5000)), "two rates, 1000 Hz and 500 Hz"),
    ],
)
def test_series_that_cannot_be_aligned_are_refused_with_the_pair(tmp_path, other, difference):
    times = {"EMG_SOL": clock(1000.0, (12.34, 5000)), "EMG_TA": other}
    series = [emg_series(bursts(time)[:, 0], name=name, timestamps=time) for name, time in times.items()]
    with pytest.raises(SourceError) as caught:
        open_emg(file_with_container(tmp_path / "a.nwb", series, name="EMG"))
    assert f"EMG_SOL and EMG_TA were not sampled together: {difference}" in str(caught.value)
