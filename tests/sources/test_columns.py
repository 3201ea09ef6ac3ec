"""Which columns are muscles: electrodes of EMG among others, pairs of electrodes, channels named as EMG."""

import numpy as np
import pytest
from builders import (
    FALCON_MUSCLES,
    analog_channels,
    bipolar_pairs,
    emg_array_among_probes,
    emg_series,
    file_with_2d_series,
    file_with_container,
    file_with_electrical_series,
    raw_emg,
)
from messages import assert_refused

from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.about import LONGEST, known


def signals(time):
    return np.stack([np.sin(700 * time), np.cos(900 * time)], axis=1)


@pytest.fixture(scope="module")
def among_probes(tmp_path_factory):
    counts = np.random.default_rng(3).integers(-2000, 2000, (30000, 20)).astype(np.int16)
    return emg_array_among_probes(tmp_path_factory.mktemp("probes") / "a.nwb", counts), counts


def test_the_electrodes_of_an_emg_group_are_found_among_those_of_a_probe(among_probes):
    path, counts = among_probes
    with open_emg(path) as recording:
        assert recording.muscles == tuple(FALCON_MUSCLES)
        assert (recording.rate, recording.segments[0].start_time, recording.unit) == (30000.0, 2814.0, "V")
        np.testing.assert_allclose(recording.read(100, 300), counts[100:300, 4:] * 1.95e-7, rtol=1e-6)
        assert "16 of 20 columns, those of the electrode group EMGArray" in recording.assumptions
        assert recording.about["electrodes"] == tuple(str(row) for row in range(4, 20))
        assert recording.about["side"] == ("right",) * 16


def test_every_column_is_taken_where_every_column_is_named_by_hand(among_probes):
    path, counts = among_probes
    with open_emg(path, path="acquisition/ElectricalSeries", muscles=[f"c{at}" for at in range(20)]) as recording:
        np.testing.assert_allclose(recording.read(0, 50), counts[:50] * 1.95e-7, rtol=1e-6)
        assert not any("electrode group" in said for said in recording.assumptions)


def test_a_muscle_of_two_electrodes_is_the_first_less_the_second(tmp_path):
    path, _ = bipolar_pairs(tmp_path / "a.nwb", signals)
    with open_emg(path) as recording:
        time = 12.34 + np.arange(1000) / 2000
        np.testing.assert_allclose(recording.read(0, 1000), signals(time), atol=1e-6)
        said = "each muscle is the first of its two electrodes less the second (a bipolar pair)"
        assert said in recording.assumptions
        assert recording.about["electrodes"] == ("0 1", "3 2")
        assert recording.about["full_name"] == ("tibialis anterior", "soleus")


def two_each(path, **texts):
    locations = ["TA", "TA", "SOL", "SOL"]
    return file_with_electrical_series(path, raw_emg(3000, 4), locations=locations, **texts)


def test_two_electrodes_of_one_place_are_a_pair_where_the_file_says_so(tmp_path):
    path = two_each(tmp_path / "a.nwb", description="EMG, monopolar, against a common reference.")
    with open_emg(path) as recording:
        data = raw_emg(3000, 4)
        expected = np.stack([data[:, 0] - data[:, 1], data[:, 2] - data[:, 3]], axis=1)
        assert recording.muscles == ("TA", "SOL")
        np.testing.assert_allclose(recording.read(0, 3000), expected, rtol=1e-5, atol=1e-6)


def test_two_electrodes_of_one_place_are_not_subtracted_where_nothing_says_that_they_are_a_pair(tmp_path):
    with assert_refused(
        SourceError,
        "a.nwb, acquisition/EMG: muscle names given by the electrodes' location occur more than once: TA, SOL",
        "Give every column its own name with --muscles",
    ):
        open_emg(two_each(tmp_path / "a.nwb"))


def test_channels_named_as_emg_are_taken_and_the_others_left_out(tmp_path):
    path, _ = analog_channels(tmp_path / "a.nwb", signals)
    with open_emg(path) as recording:
        assert "2 of 3 channels are named as EMG; left out: lever" in recording.assumptions
        expected = np.rint(signals(12.34 + np.arange(500) / 2000) * 1000) * 1e-6
        np.testing.assert_allclose(recording.read(0, 500), expected, rtol=1e-6)


def test_the_first_muscles_of_several_are_read_without_the_others(tmp_path):
    data = raw_emg(3000, 3)
    path = file_with_2d_series(tmp_path / "a.nwb", data, comments="columns: TA, SOL, VL")
    with open_emg(path, muscles=["TA", "SOL"]) as recording:
        np.testing.assert_allclose(recording.read(0, 3000), data[:, :2], rtol=1e-6)


def test_what_is_known_of_each_muscle_goes_with_its_emg(tmp_path):
    series = [emg_series(raw_emg(3000, 1, seed)[:, 0], name=f"EMG_{name}") for seed, name in enumerate(("TA", "SOL"))]
    with open_emg(file_with_container(tmp_path / "a.nwb", series, name="EMG")) as recording:
        emg = preprocess(recording)
    own = {each.name: each.object_id for each in series}
    assert dict(zip(emg["source_channel"].values, emg["source_series"].values, strict=True)) == own


@pytest.mark.parametrize(
    ("names", "about", "sides"),
    [
        (["left TA", "TA Right"], {}, ("left", "right")),
        (["L_TA", "R_TA"], {}, ("left", "right")),
        (["TA", "SOL"], {"side": ["L", "right"]}, ("left", "right")),
        (["TA", "SOL"], {"full_name": ["right tibialis anterior", "soleus"]}, ("right", "")),
        (["TA", "SOL"], {"placement": ["between left and right heads", "left leg"]}, ("", "left")),
        (["L_TA", "SOL"], {}, None),
        (["bright", "leftover"], {}, None),
    ],
)
def test_the_side_is_taken_from_what_says_it(names, about, sides):
    assert known(about, names).get("side") == sides


def test_what_says_nothing_is_left_out_and_what_is_long_or_odd_is_cut():
    found = known(
        {"full_name": ["n/a", "nan"], "source_channel": ["TA", "SOL"], "placement": ["a\x1b" * 300, ""]}, ["TA", "SOL"]
    )
    assert set(found) == {"placement"}
    assert found["placement"] == (("a " * 300)[:LONGEST].strip(), "")
