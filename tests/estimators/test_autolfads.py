"""The AutoLFADS estimator: what it gives back, what it keeps, and what it refuses."""

import json

import numpy as np
import pytest
import safetensors.torch
import xarray as xr
from messages import assert_refused
from tiny_autolfads import TINY, rectified

from nwb_autolfads.errors import ConfigError, SignalError, SourceError, TrainingError
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
from nwb_autolfads.estimators.autolfads.windows import long_segments


@pytest.fixture(scope="module")
def trained():
    emg, _ = rectified()
    return AutoLFADS(config=TINY, seed=3).fit(emg)


def r2(estimate, truth):
    return np.mean([np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(estimate.T, truth.T, strict=True)])


def test_only_what_was_predicted_through_masks_is_corrected_by_the_data():
    emg, _ = rectified(bins=1000)
    quick = TINY.training.model_copy(update={"max_epochs": 1})
    for masking, corrected in (("blocks", True), ("elements", False)):
        fitted = AutoLFADS(config=TINY.model_copy(update={"masking": masking, "training": quick})).fit(emg)
        assert fitted.predicts_masked == corrected
        with_data, without = (fitted.estimate(emg, correct=each)["activation"] for each in (True, False))
        assert with_data.equals(without) != corrected


@pytest.mark.parametrize(
    "masking", [{"masking": "blocks", "block_ms": 8.0}, pytest.param({"masking": "elements"}, marks=pytest.mark.slow)]
)
def test_activation_is_nearer_to_the_truth_than_the_emg(masking):
    emg, truth = rectified(bins=3000)
    longer = TINY.training.model_copy(update={"max_epochs": 12, "patience_generations": 12})
    config = TINY.model_copy(update={"training": longer} | masking)
    model = AutoLFADS(config=config, seed=0).fit(emg)
    assert r2(model.estimate(emg)["activation"].values, truth) > r2(emg.values, truth) + 0.25
    # The same movement backwards, with noise that the model never met: what it learnt transfers.
    backwards = np.random.default_rng(9).gamma(1.0, truth[::-1]).clip(1e-4).astype(np.float32)
    other = emg.copy(data=backwards)
    assert r2(model.estimate(other)["activation"].values, truth[::-1]) > r2(backwards, truth[::-1]) + 0.2


def test_estimate_has_the_variables_and_attributes_of_the_contract(trained):
    emg, _ = rectified()
    estimate = trained.estimate(emg)
    for name in ("activation", "activation_std", "concentration", "rate_parameter"):
        assert estimate[name].dims == ("time", "muscle")
        assert np.isfinite(estimate[name]).all()
        assert (estimate[name] >= 0).all()
    np.testing.assert_allclose(
        estimate["activation"], estimate["concentration"] / estimate["rate_parameter"], rtol=1e-5
    )
    assert estimate["factors"].dims == ("time", "factor")
    assert estimate["inputs"].dims == estimate["inputs_std"].dims == ("time", "input")
    assert estimate["initial_condition"].dims == ("window", "ic")
    np.testing.assert_allclose(estimate["window_start"][:3], [0.0, 0.08, 0.16])
    assert estimate.attrs["estimator"] == "AutoLFADS"
    assert estimate.attrs["seed"] == 3
    assert estimate.attrs["origin"] == emg.attrs["origin"]
    assert (
        AutoLFADSConfig.model_validate(
            {k: v for k, v in json.loads(estimate.attrs["config"]).items() if k in AutoLFADSConfig.model_fields}
        )
        == TINY
    )
    assert estimate["search_valid_nll"].sizes == {"search_row": 4}


def test_same_seed_gives_the_same_estimate_twice(trained):
    emg, _ = rectified()
    again = AutoLFADS(config=TINY, seed=3).fit(emg).estimate(emg)
    xr.testing.assert_identical(trained.estimate(emg), again)


def test_windows_start_where_their_segments_do_and_a_segment_too_short_has_none(trained):
    emg, _ = rectified(gaps=(900, 910))  # a window has 50 bins, neighbours share 10
    estimate = trained.estimate(emg)
    first_bins = np.searchsorted(emg["time"].values, estimate["window_start"].values)
    np.testing.assert_array_equal(emg["time"].values[first_bins], estimate["window_start"].values)
    expected = [*range(0, 850, 40), 850, *range(910, 1950, 40), 1950]
    np.testing.assert_array_equal(first_bins, expected)
    assert np.isnan(estimate["activation"][900:910]).all()
    assert np.isfinite(estimate["activation"][np.r_[0:900, 910:2000]]).all()


@pytest.mark.parametrize(("changed", "other"), [(slice(900, 2000), slice(0, 900)), (slice(0, 900), slice(900, 2000))])
def test_nothing_leaks_across_a_gap(trained, changed, other):
    emg, _ = rectified(gaps=(900,))
    altered = emg.copy(deep=True)
    altered[changed] = 3 * emg.values[changed][::-1]
    # The second step chooses its numbers by the whole recording; that its bins stay apart is tested where it is.
    before, after = (trained.estimate(each, correct=False) for each in (emg, altered))
    for name in ("activation", "concentration", "factors", "inputs"):
        np.testing.assert_array_equal(before[name][other], after[name][other], err_msg=name)
        assert not np.isclose(before[name][changed], after[name][changed]).all(), name


def test_segment_shorter_than_a_window_is_estimated_from_itself_alone(trained):
    emg, _ = rectified(gaps=(900, 930))  # a window has 50 bins, the segment in the middle 30
    short = trained.estimate(emg)["activation"][900:930]
    assert np.isfinite(short).all()
    assert 930 not in trained.estimate(emg)["window_start"].values
    changed = emg.copy(deep=True)
    changed[930:] = changed[930:].values[::-1]
    # what comes after the segment is never seen; the posterior's noise is the same, for the number of windows is
    np.testing.assert_allclose(
        trained.estimate(changed, correct=False)["activation"][900:930],
        trained.estimate(emg, correct=False)["activation"][900:930],
        rtol=1e-6,
    )
    visible = trained.predict_hidden(emg[:930], np.arange(930) >= 925)
    assert np.isfinite(visible[925:]).all()


def test_budget_shortens_training_and_the_configuration_says_to_what():
    emg, _ = rectified()
    heard = []
    fitted = AutoLFADS(config=TINY, seed=3, minutes=0.02, progress=heard.append).fit(emg)
    steps = fitted.config["training"]["steps_per_epoch"]
    assert heard[0].epoch == 0
    assert heard[0].message.startswith(f"Training 1 model for 4 epochs of {steps} steps, about ")
    assert heard[0].message.endswith("(budget 1 s)")
    assert 1 <= steps < 1000
    again = AutoLFADS(config=AutoLFADSConfig.model_validate(_asked(fitted.config)), seed=3).fit(emg)
    xr.testing.assert_equal(again.estimate(emg)["activation"], fitted.estimate(emg)["activation"])


def test_run_that_goes_on_keeps_the_steps_that_its_budget_gave_it(tmp_path):
    emg, _ = rectified()
    once = AutoLFADS(config=TINY, seed=3, minutes=0.01, run_directory=tmp_path).fit(emg)
    heard = []
    again = AutoLFADS(config=TINY, seed=3, minutes=0.01, run_directory=tmp_path, progress=heard.append).fit(emg)
    assert heard == []  # nothing is left to train, and nothing was measured again
    assert again.config == once.config
    assert again.history == once.history


def _asked(config):
    """The configuration of an estimate, without what fitting adds to it and without the budget."""
    asked = {name: config[name] for name in AutoLFADSConfig.model_fields}
    return asked | {"training": asked["training"] | {"budget_s": None}}


def test_training_for_no_time_is_refused():
    with assert_refused(ConfigError, "AutoLFADS: 0 minutes of training", "Give more than 0, up to 100000."):
        AutoLFADS(minutes=0)


def test_unusable_muscle_is_left_out_and_stays_empty():
    emg, _ = rectified()
    emg["usable"][1] = False
    emg[:, 1] = 1e-4
    quick = TINY.model_copy(update={"training": TINY.training.model_copy(update={"max_epochs": 1})})
    estimator = AutoLFADS(config=quick).fit(emg)
    estimate = estimator.estimate(emg)
    assert np.isnan(estimate["activation"][:, 1]).all()
    assert np.isfinite(estimate["activation"][:, [0, 2, 3]]).all()
    assert estimator.config["muscles"] == ["M0", "M2", "M3"]


def test_saved_model_estimates_the_same_after_loading(trained, tmp_path):
    emg, _ = rectified(seed=1)
    trained.save(tmp_path / "model.safetensors")
    loaded = AutoLFADS.load(tmp_path / "model.safetensors")
    before, after = trained.estimate(emg), loaded.estimate(emg)
    xr.testing.assert_equal(before["activation"], after["activation"])
    assert before.attrs == after.attrs


def test_model_without_controller_has_no_inputs():
    emg, _ = rectified()
    settings = {"inputs": 0, "training": TINY.training.model_copy(update={"max_epochs": 1})}
    estimate = AutoLFADS(config=TINY.model_copy(update=settings)).fit(emg).estimate(emg)
    assert "inputs" not in estimate
    assert np.isfinite(estimate["activation"]).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda e: e[:40], "session.nwb, acquisition/EMG: the longest segment without a gap is 0.080 s, shorter than"),
        (
            lambda e: e.where(e["time"] != 1.0, np.inf),
            "4 values are infinite or not positive, the first is inf for muscle M0 at 1",
        ),
        (lambda e: e * 0, "values are infinite or not positive, the first is 0.0"),
        (lambda e: e.where(e["muscle"] != "M1"), "muscle M1 has no value at all"),
        (lambda e: e.assign_coords(usable=("muscle", np.zeros(4, bool))), "no muscle is usable"),
    ],
)
def test_unfit_emg_is_refused_with_file_object_value_and_way_out(spoil, message):
    emg, _ = rectified()
    spoiled = spoil(emg).assign_attrs(emg.attrs).astype(np.float32)
    with pytest.raises(SignalError, match=message):
        AutoLFADS(config=TINY).fit(spoiled)


# In both, the longest window that fits is 98 ms: 49 bins of 2 ms, once those of the shift on either side are taken off.
WAY_OUT_OF_SHORT_SEGMENTS = (
    "Give a longer recording, or train with autolfads: {window_ms: 98, window_overlap_ms: 49} in a settings file "
    "(--config); "
    "`inspect` says where trials could be windows."
)


def test_margins_of_the_temporal_shift_must_fit_beside_a_window():
    emg, _ = rectified()  # a window has 50 bins, the largest shift is 2
    config = TINY.model_copy(update={"masking": "elements"})
    with assert_refused(
        SignalError,
        (
            "session.nwb, acquisition/EMG: the longest segment without a gap is 0.106 s, shorter than one "
            "window of 0.108 s"
        ),
        WAY_OUT_OF_SHORT_SEGMENTS,
    ):
        AutoLFADS(config=config).fit(emg[:53])
    with assert_refused(
        TrainingError,
        "54 bins leave no room to train and to validate on windows of 54 bins that share none",
        "Give a longer recording, or a shorter window and shift in the configuration.",
    ):
        AutoLFADS(config=config).fit(emg[:54])


def test_a_segment_is_estimated_from_one_window_on(trained):
    emg, _ = rectified()  # a window has 50 bins
    assert np.isfinite(trained.estimate(emg[:50])["activation"]).all()
    problem = "the longest segment without a gap is 0.098 s, shorter than one window of 0.100 s"
    with assert_refused(SignalError, f"session.nwb, acquisition/EMG: {problem}", WAY_OUT_OF_SHORT_SEGMENTS):
        trained.estimate(emg[:49])


def test_recording_of_other_muscles_or_another_rate_is_refused(trained):
    emg, _ = rectified()
    with assert_refused(
        SignalError,
        (
            "session.nwb, acquisition/EMG: the model was trained on M0, M1, M2, M3; M3 not usable here "
            "(usable: M0, M1, M2)"
        ),
        "Give a recording of the same muscles, let the model learn this session (`apply --adapt`), or train on this "
        "one with `nwb-autolfads run`.",
    ):
        trained.estimate(emg[:, :3])
    with assert_refused(
        SignalError,
        "session.nwb, acquisition/EMG: EMG at 1000.0 Hz; the model was trained at 500.0 Hz",
        "Preprocess to that rate.",
    ):
        trained.estimate(emg.assign_attrs(rate=1000.0))


def test_muscles_are_found_by_name_in_a_recording_that_has_them_in_another_order(trained):
    emg, _ = rectified()
    shuffled = emg[:, [2, 0, 3, 1]]
    expected = trained.estimate(emg)["activation"]
    xr.testing.assert_equal(trained.estimate(shuffled)["activation"].sel(muscle=expected["muscle"]), expected)


def test_hidden_bins_are_predicted_without_seeing_them(trained):
    emg, _ = rectified()
    hidden = np.zeros(2000, bool)
    hidden[300:330] = True
    changed = emg.copy()
    changed[300:330] = 2.0
    predicted = trained.predict_hidden(emg, hidden)
    np.testing.assert_array_equal(predicted, trained.predict_hidden(changed, hidden))
    assert not np.array_equal(predicted, trained.predict_hidden(changed, np.zeros(2000, bool)))
    assert np.isfinite(predicted).all()


def test_what_is_missing_is_not_learnt_from_and_estimated_with_a_larger_error():
    emg, truth = rectified(gaps=(1800,))
    missing = np.zeros(emg.shape, bool)
    missing[500:700, 1] = missing[900, 2] = missing[1800:, 3] = True
    config = AutoLFADSConfig(**TINY.model_dump() | {"masking": "blocks", "input_transform": "logarithmic"})
    holed = emg.where(~missing).astype(np.float32).assign_attrs(emg.attrs)
    estimate = AutoLFADS(config=config, seed=1).fit(holed).estimate(holed)
    activation, std = estimate["activation"].values, estimate["activation_std"].values
    # Nothing of M3 is known in the second segment, so nothing is said of it there.
    for values in (activation, std):
        assert np.isnan(values[1800:, 3]).all()
        assert np.isfinite(np.delete(values, 3, axis=1)).all()
        assert np.isfinite(values[:1800, 3]).all()
    relative = std / activation
    assert relative[600, 1] > 1.3 * relative[300, 1]
    assert np.corrcoef(activation[500:700, 1], truth[500:700, 1])[0, 1] > 0.3
    assert np.isfinite(estimate["factors"]).all()


@pytest.mark.parametrize(
    ("observation", "gives_zero_a_probability"),
    [("gamma", False), ("lognormal", False), ("poisson", True), ("zero_inflated_gamma", True)],
)
def test_exact_zeros_are_data_where_the_distribution_has_them_and_refused_elsewhere(
    observation, gives_zero_a_probability
):
    emg, _ = rectified(bins=400)
    emg[100, 2] = 0.0
    if gives_zero_a_probability:
        assert long_segments(emg, 50, observation).lengths.tolist() == [400]
    else:
        with pytest.raises(
            SignalError, match=r"1 values are infinite or not positive, the first is 0\.0 for muscle M2"
        ):
            long_segments(emg, 50, observation)


@pytest.mark.slow
@pytest.mark.parametrize("observation", ["zero_inflated_gamma", "lognormal", "poisson"])
def test_other_observation_models_follow_the_activation_too(observation):
    emg, activation = rectified(bins=3000)
    if observation == "poisson":
        values = np.random.default_rng(5).poisson(3 * activation)
    else:
        values = emg.values.copy()
        if observation == "zero_inflated_gamma":
            values[np.random.default_rng(5).random(values.shape) < 0.2] = 0
    data = emg.copy(data=values.astype(np.float32))
    training = TINY.training.model_copy(update={"max_epochs": 12})
    changes = {"observation": observation, "masking": "blocks", "block_ms": 8.0, "training": training}
    config = TINY.model_copy(update=changes)
    found = AutoLFADS(config=config, seed=0).fit(data).estimate(data)
    assert not {"concentration", "rate_parameter"} & set(found)  # in the file they are those of a gamma distribution
    estimate = found["activation"].values
    for muscle in range(4):
        assert np.corrcoef(estimate[:, muscle], activation[:, muscle])[0, 1] > 0.7
    if observation == "poisson":
        assert estimate.mean() == pytest.approx(values.mean(), rel=0.1)


def test_estimating_before_training_is_refused():
    with assert_refused(ConfigError, "AutoLFADS: there is no trained model yet", "Call fit or load first."):
        AutoLFADS().estimate(rectified()[0])


def test_unknown_preset_is_refused():
    with assert_refused(ConfigError, "AutoLFADS: preset is 'fast'", "Use one of quick, paper."):
        AutoLFADS(preset="fast")


def metadata_of(data):
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]


def repacked(data, tensors=None, **changes):
    """The same file with other tensors or another description."""
    return safetensors.torch.save(tensors or safetensors.torch.load(data), metadata=metadata_of(data) | changes)


def hostile_sizes(data):
    card = json.loads(metadata_of(data)["card"])
    card["config"]["generator"] = 4096
    return repacked(data, card=json.dumps(card))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "not a safetensors file"),
        (lambda data: b"\xff" * 100, "not a safetensors file"),
        (lambda data: data[: len(data) // 2], "not a safetensors file"),
        (lambda data: repacked(data, format="other"), "its format is 'other'"),
        (lambda data: repacked(data, card="{"), "its description is not valid"),
        (lambda data: repacked(data, card='{"muscles": []}'), "its description is not valid"),
        (hostile_sizes, r"tensor .* expected \(1, .*\)"),
        (lambda data: repacked(data, {"a": safetensors.torch.load(data)["factors"]}), "its tensors are not those"),
        (
            lambda data: repacked(data, {k: v * float("nan") for k, v in safetensors.torch.load(data).items()}),
            "values that are not finite",
        ),
    ],
)
def test_model_that_is_not_what_it_says_is_refused(trained, tmp_path, spoil, message):
    path = tmp_path / "model.safetensors"
    path.write_bytes(spoil(trained.to_bytes()))
    with pytest.raises(SourceError, match=message):
        AutoLFADS.load(path)


def test_missing_model_is_refused(tmp_path):
    with assert_refused(SourceError, "none.safetensors: there is no such file", "Check the path"):
        AutoLFADS.load(tmp_path / "none.safetensors")
