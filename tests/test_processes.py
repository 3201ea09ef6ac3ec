"""What people send to other processes arrives there, and gives the same."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg
from emg_examples import rectified_emg

import nwb_autolfads as nal
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig


def a_recording(seed=0):
    return rectified_emg(np.random.default_rng(seed).gamma(2.0, 0.5, (1500, 2)))


def trained():
    """Return AutoLFADS after a moment of training, with what shows its progress, which no process can take over."""
    tiny = {"members": 1, "max_epochs": 1, "steps_per_epoch": 1, "validation_windows": 1}
    config = AutoLFADSConfig.preset("quick")
    config = config.model_copy(update={"training": config.training.model_copy(update=tiny), "posterior_samples": 2})
    return nal.AutoLFADS(config=config, progress=lambda progress: None).fit(a_recording())


def test_all_that_there_is_can_be_pickled(tmp_path):
    with nal.open_emg(file_with_2d_series(tmp_path / "a.nwb", raw_emg(4000) * 1e-3)) as recording:
        emg = nal.preprocess(recording)
    fitted = nal.BayesianFilter().fit(emg)
    estimate = fitted.estimate(emg)
    for each in (emg, estimate, nal.find_onsets(estimate)):
        xr.testing.assert_identical(pickle.loads(pickle.dumps(each)), each)
    again = pickle.loads(pickle.dumps(fitted))
    xr.testing.assert_identical(again.estimate(emg), estimate)
    with pytest.raises(nal.SourceError) as error:
        nal.open_emg(tmp_path / "none.nwb")
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.file, type(again)) == (str(error.value), error.value.file, type(error.value))


@pytest.mark.slow
def test_a_trained_model_can_be_pickled_though_its_progress_cannot():
    model = trained()
    again = pickle.loads(pickle.dumps(model))
    xr.testing.assert_identical(again.estimate(a_recording()), model.estimate(a_recording()))


@pytest.mark.slow
def test_a_process_started_afresh_estimates_the_same(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = nal.LowPass().fit(a_recording())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(model.estimate, a_recording()).result()
    xr.testing.assert_identical(there, model.estimate(a_recording()))


@pytest.mark.slow
def test_joblib_estimates_the_same(monkeypatch):
    joblib = pytest.importorskip("joblib")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = nal.LowPass().fit(a_recording())
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(model.estimate)(a_recording(seed)) for seed in range(2))
    for seed in range(2):
        xr.testing.assert_identical(found[seed], model.estimate(a_recording(seed)))


@pytest.mark.slow
def test_dask_estimates_the_same():
    dask = pytest.importorskip("dask", reason="dask is not installed")
    model = nal.LowPass().fit(a_recording())
    (found,) = dask.compute(dask.delayed(model.estimate)(a_recording()), scheduler="processes")
    xr.testing.assert_identical(found, model.estimate(a_recording()))
