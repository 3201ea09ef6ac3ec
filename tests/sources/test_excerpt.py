"""Of a recording too long for `inspect`, excerpts spread over it are looked at, and said."""

import numpy as np
from builders import clock, file_with_2d_series, raw_emg

from nwb_autolfads.sources import excerpt, open_emg
from nwb_autolfads.sources.excerpt import within_budget


def test_a_short_recording_is_read_as_a_whole(tmp_path):
    with open_emg(file_with_2d_series(tmp_path / "a.nwb")) as recording:
        assert within_budget(recording) == (recording, ())


def test_a_long_recording_is_read_in_excerpts_that_keep_their_times_and_no_gap_inside(tmp_path, monkeypatch):
    data, times = raw_emg(6000), clock(1000.0, (0.0, 2500), (10.0, 3500))
    path = file_with_2d_series(tmp_path / "a.nwb", data, rate=None, timestamps=times)
    monkeypatch.setattr(excerpt, "INSPECT_BYTES", 3 * 4 * 640)
    with open_emg(path) as recording:
        judged, said = within_budget(recording)
    assert judged.n_samples == 640
    assert said == ("quality is judged on 32 excerpts, 1 s of 6 s",)
    for segment in judged.segments:
        first = int(np.flatnonzero(np.isclose(times, segment.start_time))[0])
        np.testing.assert_allclose(
            judged.read(segment.first_sample, segment.stop), data[first : first + segment.n_samples], rtol=1e-6
        )
        assert times[first + segment.n_samples - 1] - times[first] < segment.n_samples / 1000
    assert judged.segments[0].start_time == 0.0
    assert judged.segments[-1].start_time > 12


def test_no_excerpt_is_read_after_the_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(excerpt, "INSPECT_BYTES", 3 * 4 * 640)
    monkeypatch.setattr(excerpt, "INSPECT_S", -1.0)
    with open_emg(file_with_2d_series(tmp_path / "a.nwb")) as recording:
        judged, said = within_budget(recording)
    assert judged.n_samples == 20
    assert said == ("quality is judged on 1 excerpts, 0 s of 6 s",)
