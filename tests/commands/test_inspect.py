"""`inspect` shows the quality of each muscle as a table and a picture, for every kind of source."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg
from emg.test_preprocess import recording_of
from matplotlib.image import imread
from messages import assert_refused
from range_server import serve

from nwb_autolfads.commands.inspect import QUALITY_COLUMNS, inspect_file
from nwb_autolfads.config import RunSettings, Source
from nwb_autolfads.emg.quality import assess_quality
from nwb_autolfads.errors import OutputError
from nwb_autolfads.report.recording import plot_quality


def with_a_flat_muscle() -> np.ndarray:
    data = raw_emg(6000)
    data[:, 1] = 0.5
    return data


def test_the_table_says_for_each_muscle_what_tells_its_quality(tmp_path):
    path = file_with_2d_series(tmp_path / "a.nwb", with_a_flat_muscle(), comments="columns: TA, SOL, MG")
    rows = inspect_file(Source(path), RunSettings()).muscle_rows()
    table = [dict(zip(QUALITY_COLUMNS, row, strict=True)) for row in rows]
    assert [row["muscle"] for row in table] == ["TA", "SOL", "MG"]
    assert [(row["usable"], row["why not"]) for row in table] == [("yes", ""), ("no", "flat"), ("yes", "")]
    assert table[0]["with"] == "MG"
    assert float(table[0]["cross-talk"]) < 0.2


def test_the_picture_is_drawn_once_and_never_over_another(tmp_path):
    source = Source(file_with_2d_series(tmp_path / "a.nwb", with_a_flat_muscle()))
    inspect_file(source, RunSettings(), picture=tmp_path / "a.png")
    assert imread(tmp_path / "a.png").shape[2] == 4
    with assert_refused(
        OutputError, "a.png: exists already", "Choose another name, or --overwrite it (in Python: overwrite=True)"
    ):
        inspect_file(source, RunSettings(), picture=tmp_path / "a.png")


def test_the_picture_keeps_every_extreme_and_says_why_a_muscle_is_left_out():
    data = with_a_flat_muscle()
    data[1234, 2] = 9.0
    recording = recording_of(data)
    signals = xr.DataArray(
        data,
        dims=("time", "muscle"),
        coords={"time": np.arange(6000) / 1000, "muscle": list(recording.muscles)},
        attrs={"unit": "V"},
    )
    figure = plot_quality(assess_quality(recording), signals)
    rows = figure.axes[::2]
    assert rows[2].lines[0].get_ydata().max() == pytest.approx(9e6)  # in microvolts
    assert [text.get_text() for text in rows[1].texts] == ["left out: flat"]
    assert not rows[0].texts


def test_over_a_network_contents_are_listed_and_signals_left_alone(tmp_path):
    pytest.importorskip("remfile", reason="reading over the network needs the extra streaming")
    file_with_2d_series(tmp_path / "a.nwb", raw_emg(20000), comments="columns: TA, SOL, MG")
    with serve(tmp_path) as server:
        overview = inspect_file(Source(server.address("a.nwb")), RunSettings())
    assert overview.contents.emg[0].likely
    assert overview.quality is None
    assert overview.summary()["note"].startswith("over the network: signals were not fetched")


def test_a_recording_that_neo_reads_is_listed_by_channel(shared_data):
    overview = inspect_file(Source(shared_data / "spike2" / "biomech0deg.smr"), RunSettings())
    assert [found.candidate.path for found in overview.contents.emg] == ["prox_EMG", "dist_EMG"]
    assert [(each.path, each.unit) for each in overview.contents.other] == [("k_angle", "deg"), ("k_torque", "a.u.")]
    assert overview.summary()["note"] == "read by Neo's Spike2IO"
    assert overview.quality is not None
