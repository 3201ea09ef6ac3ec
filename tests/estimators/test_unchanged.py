"""EMG without anything missing gives the numbers it gave before missing samples were accepted, gaps and all.

The numbers were computed with the version of 2026-11-24 that still refused NaN.
"""

import numpy as np
import pytest
from builders import raw_emg

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.estimators.noise_length import noise_length
from nwb_autolfads.estimators.subspace import LowPassSubspace
from nwb_autolfads.evaluation.held_out import held_out_likelihood
from nwb_autolfads.segments import Segment, Segments
from nwb_autolfads.sources.recording import EmgRecording, Origin

BEFORE = {
    "emg": [0.0180395311, 0.545827508, 0.17319398, 0.134918795, 0.571632825, 0.390529966, 0.24573647],
    "noise": [2.0],
    "held out": [
        -0.319401026,
        -0.327609897,
        -0.314669013,
        -0.309065551,
        0.0156300534,
        0.0155210132,
        0.0154366298,
        0.0152890515,
    ],
    "low-pass": [0.109456042, 0.375307409, 0.35332351, 0.367500883, 0.432425933, 0.390543303, 0.193480253],
    "components": [0.114544792, 0.365337234, 0.379747033, 0.395303681, 0.421325376, 0.390531644, 0.174093848],
    "filter": [0.185829233, 0.381342709, 0.36340929, 0.230716255, 0.433030393, 0.398336957, 0.196176567],
    "smoother": [0.127725186, 0.401531726, 0.363408415, 0.369712409, 0.433031734, 0.412200336, 0.215523581],
}


@pytest.fixture(scope="module")
def emg():
    data = (1e-4 * raw_emg(21000, 4)).astype(np.float32)
    segments = Segments((Segment(2.0, 0, 12000), Segment(30.0, 12000, 9000)), 1000.0)
    origin = Origin("session.nwb", "id", "acquisition/EMG", "object")
    recording = EmgRecording(
        ("a", "b", "c", "d"), 1000.0, "V", False, segments, origin, (), lambda start, stop: data[start:stop]
    )
    return preprocess(recording, PreprocessingConfig(spectrum="keep"))


def summary(values):
    """Mean over muscles at a few times, and over all: what any change of a bin or of a border changes."""
    values = np.asarray(values, np.float64)
    return [
        *values[[0, 1234, 5999, 6000, -1]].mean(axis=1).tolist(),
        float(values.mean()),
        float(np.square(values).mean()),
    ]


def found(name, emg):
    if name == "emg":
        return summary(emg.values)
    if name == "noise":
        segments = Segments.of(emg)
        return [noise_length(emg.values, segments, 500.0)]
    if name == "held out":
        score = held_out_likelihood(LowPass(8.0).predict_hidden, emg, block_ms=10.0)
        return [*score["nll"].values.tolist(), *score["standard_error"].values.tolist()]
    estimator = {
        "low-pass": LowPass(8.0),
        "components": LowPassSubspace(8.0, 2),
        "filter": BayesianFilter(diffusion=8.0, jump=0.5, temper=1.0),
        "smoother": BayesianFilter(diffusion=8.0, jump=0.5, temper=1.0, smooth=True),
    }[name]
    return summary(estimator.fit(emg).estimate(emg)["activation"].values)


@pytest.mark.parametrize("name", ["emg", "noise", "held out", "low-pass", "components", "filter", "smoother"])
def test_numbers_are_those_of_the_version_before(name, emg):
    # The Bayesian estimates are levels of a grid: where two are about as likely, the processor's rounding decides.
    rel = 5e-4 if name in ("filter", "smoother") else 2e-6
    assert found(name, emg) == pytest.approx(BEFORE[name], rel=rel)
