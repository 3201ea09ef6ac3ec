"""Spikes counted in bins, and factors of cortex inferred from them."""

import numpy as np
from builders import new_nwbfile
from messages import assert_refused

from nwb_autolfads import AutoLFADS, count_spikes
from nwb_autolfads.errors import ConfigError, SignalError, SourceError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig


def session_with(*trains, intervals=None):
    nwbfile = new_nwbfile()
    if intervals is not None:
        for train, observed in zip(trains, intervals, strict=True):
            nwbfile.add_unit(spike_times=train, obs_intervals=observed)
    else:
        for train in trains:
            nwbfile.add_unit(spike_times=train)
    return nwbfile


def test_counts_are_those_of_numpy_s_histogram_and_what_was_not_observed_is_missing():
    random = np.random.default_rng(0)
    trains = [np.sort(random.uniform(5, 15, n)) for n in (400, 90, 3)]
    observed = [[[0, 20]], [[5, 9], [12, 15]], [[5, 15]]]
    counts = count_spikes(session_with(*trains, intervals=observed), bin_ms=20, start=5, stop=15)
    edges = 5 + np.arange(501) * 0.02
    np.testing.assert_allclose(counts["time"], edges[:-1] + 0.01)
    for unit in (0, 2):
        np.testing.assert_array_equal(counts[:, unit], np.histogram(trains[unit], edges)[0])
    np.testing.assert_array_equal(np.isnan(counts[:, 1]), (edges[:-1] >= 8.99) & (edges[1:] <= 12.01))
    assert counts["usable"].values.tolist() == [True, True, False]  # three spikes in 10 s are below 0.5 Hz
    assert counts.attrs["rate"] == 50.0


def test_no_units_no_spikes_and_bins_out_of_range_are_refused():
    with assert_refused(SourceError, "holds no spike times of sorted units", "Choose a file with a units table"):
        count_spikes(new_nwbfile())
    with assert_refused(SignalError, "units: no unit has a spike", "Choose a file with spikes"):
        count_spikes(session_with([]))
    with assert_refused(ConfigError, "count_spikes: bin_ms=0.1 is out of range", "Give 1 to 1000 ms"):
        count_spikes(session_with([1.0, 2.0]), bin_ms=0.1)
    with assert_refused(
        ConfigError,
        "units: start=3 s, stop=2 s and bin_ms=10 make 0 bins of 1 units",
        "Give a stretch with at least one bin and at most 500000000 counts",
    ):
        count_spikes(session_with([1.0, 2.0]), start=3, stop=2)


def test_rates_inferred_from_counts_follow_the_rates_that_made_the_spikes():
    random = np.random.default_rng(1)
    time = np.arange(0, 30, 0.01) + 0.005
    drive = np.sin(2 * np.pi * time[:, None] * [0.9, 1.7])
    rates = 20 * np.exp(drive @ random.normal(0, 0.8, (2, 8)))
    trains = [np.repeat(time, random.poisson(rate * 0.01)) for rate in rates.T]
    counts = count_spikes(session_with(*trains), bin_ms=10, start=0, stop=30)
    small = AutoLFADSConfig.preset("quick").model_dump() | {
        "window_ms": 600,
        "window_overlap_ms": 200,
        "factors": 4,
        "generator": 24,
        "ic_encoder": 16,
        "ci_encoder": 16,
        "controller": 16,
        "inputs": 1,
    }
    small["training"] |= {"members": 1, "max_epochs": 8, "steps_per_epoch": 20, "ramp_epochs": 4, "decay_epochs": 2}
    config = AutoLFADSConfig.model_validate(small)
    estimate = AutoLFADS(config=config, observation="poisson").fit(counts).estimate(counts)
    explained = [np.corrcoef(e, r)[0, 1] for e, r in zip(estimate["activation"].values.T, rates.T, strict=True)]
    assert np.mean(explained) > 0.7
    assert estimate.sizes["factor"] == 4


def test_an_observation_that_does_not_exist_is_refused():
    with assert_refused(
        ConfigError,
        "AutoLFADS: observation is 'binomial'",
        "Use one of gamma, zero_inflated_gamma, lognormal, poisson.",
    ):
        AutoLFADS(observation="binomial")
