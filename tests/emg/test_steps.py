"""EMG preprocessed as some other was: the settings that the steps of that say."""

import json

import numpy as np
import pytest
from builders import raw_emg
from messages import assert_refused

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.steps.again import config_of
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.segments import Segments
from nwb_autolfads.sources.recording import EmgRecording, Origin


def recording(hum_hz=None):
    data = 1e-4 * raw_emg(12000, 3)
    if hum_hz:
        data = data + 1e-3 * np.sin(2 * np.pi * hum_hz * np.arange(12000) / 2000.0)[:, None]
    data = data.astype(np.float32)
    origin = Origin("session.nwb", "id", "acquisition/EMG", "object")
    segments = Segments.of_lengths([12000], 2000.0)
    return EmgRecording(("a", "b", "c"), 2000.0, "V", False, segments, origin, (), lambda i, j: data[i:j])


@pytest.mark.filterwarnings("ignore:acquisition/EMG")
@pytest.mark.parametrize("hum_hz", [None, 50, 60])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"highpass_hz": 20.0, "highpass_order": 2, "clip_quantile": 0.99, "scale_quantile": 0.9, "floor": 1e-3},
        {"mains_hz": 50, "notch_harmonics": 3, "notch_bandwidth_hz": 4.0},
        {"notch_harmonics": 0, "analysis_rate_hz": 250.0},
        {"preset": "falcon-m1", "analysis_rate_hz": 100.0},
        {"rectified": True},
    ],
)
def test_it_gives_the_same_emg(settings, hum_hz):
    then = preprocess(recording(hum_hz), PreprocessingConfig(**settings | {"mains_share_limit": 1.0}))
    config = config_of(then.attrs["preprocessing"]).model_copy(update={"mains_share_limit": 1.0})
    now = preprocess(recording(hum_hz), config)
    np.testing.assert_array_equal(now.values, then.values)


@pytest.mark.parametrize("said", ["", "[]", '[{"step": "rectify"}]'])
def test_steps_that_say_too_little_are_refused(said):
    with assert_refused(
        ConfigError,
        "preprocessing: it is not known how the EMG was preprocessed",
        "Say it in a settings file (--config)",
    ):
        config_of(said)


def test_numbers_that_are_none_are_refused():
    steps = [{"step": "scale", "quantile": 7.0}]
    with assert_refused(
        ConfigError, "preprocessing.scale_quantile=7.0 is out of range", "Give a number above 0 up to 1"
    ):
        config_of(json.dumps(steps))
