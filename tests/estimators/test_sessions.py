"""AutoLFADS of several sessions: one model, a new session, what its card says, and what is refused."""

import json

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused
from scipy.ndimage import uniform_filter1d
from tiny_autolfads import RATE, TINY, rectified

from nwb_autolfads.emg.trials import cut_trials
from nwb_autolfads.errors import ConfigError, SignalError
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.autolfads import prepared
from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS

CONFIG = TINY.model_copy(update={"masking": "blocks", "input_transform": "logarithmic", "ensemble_margin": 10.0})


def day(name, muscles=("M0", "M1", "M2", "M3"), bins=1500, seed=0, **attrs):
    """A session of the same body: these muscles of it in this order, with noise of its own; its activation too."""
    emg, activation = rectified(bins=bins, muscles=6, seed=0)
    columns = [int(muscle[1:]) for muscle in muscles]
    noisy = np.random.default_rng(seed).gamma(1.0, activation).clip(1e-4).astype(np.float32)
    origin = json.loads(emg.attrs["origin"]) | {"file": f"{name}.nwb", "file_identifier": name}
    emg = emg.copy(data=noisy)[:, columns].assign_attrs(origin=json.dumps(origin), **attrs)
    return emg, activation[:, columns]


MONDAY, TUESDAY = ("M0", "M1", "M2", "M3"), ("M4", "M2", "M0")


@pytest.fixture(scope="module")
def days():
    return {"monday": day("monday", MONDAY, seed=1)[0], "tuesday": day("tuesday", TUESDAY, bins=1000, seed=2)[0]}


@pytest.fixture(scope="module")
def many(days):
    return AutoLFADS(config=CONFIG, seed=3).fit(days)


def test_each_session_is_estimated_with_its_own_muscles_by_one_model(days, many):
    for name, emg in days.items():
        estimate = many.estimate(emg, session=name)
        assert estimate["muscle"].values.tolist() == emg["muscle"].values.tolist()
        assert np.isfinite(estimate["activation"]).all()
        config = json.loads(estimate.attrs["config"])
        assert config["session"] == name
        assert config["sessions"] == ["monday", "tuesday"]
        assert config["muscles"] == emg["muscle"].values.tolist()
        assert config["model_id"] == many.config["model_id"]


def test_model_of_several_sessions_follows_the_activation_of_each(days):
    longer = CONFIG.training.model_copy(update={"max_epochs": 12, "patience_generations": 12})
    model = AutoLFADS(config=CONFIG.model_copy(update={"training": longer}), seed=0).fit(days)
    for name, muscles, bins in (("monday", MONDAY, 1500), ("tuesday", TUESDAY, 1000)):
        truth = day(name, muscles, bins)[1]
        estimate = model.estimate(days[name], session=name, correct=False)["activation"].values
        r2 = [np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(estimate.T, truth.T, strict=True)]
        assert np.mean(r2) > 0.6, (name, r2)


def test_the_same_sessions_give_the_same_model(days, many):
    again = AutoLFADS(config=CONFIG, seed=3).fit(days)
    assert again.config["model_id"] == many.config["model_id"]
    xr.testing.assert_identical(
        again.estimate(days["tuesday"], session="tuesday"), many.estimate(days["tuesday"], session="tuesday")
    )


def test_the_plan_says_that_steps_are_for_each_session(days):
    training = CONFIG.training.model_copy(update={"max_epochs": 1, "steps_per_epoch": 2, "budget_s": 1000.0})
    heard = []
    AutoLFADS(config=CONFIG.model_copy(update={"training": training}), progress=heard.append).fit(days)
    assert heard[0].message.startswith("Training 1 model for 1 epochs of 2 steps for each of 2 sessions, about ")


def test_one_session_given_by_its_name_is_what_it_was_by_itself(days):
    quick = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"max_epochs": 1})})
    alone = AutoLFADS(config=quick).fit(days["monday"])
    named = AutoLFADS(config=quick).fit({"monday": days["monday"]})
    assert alone.config["model_id"] == named.config["model_id"]
    assert alone.card.names == ("monday",)  # the name of its file
    assert alone.card.components == 0
    assert alone.card.started_from == ""


def test_card_holds_muscles_rate_and_preprocessing_of_each_session_and_how_maps_began(days, many):
    card = AutoLFADS.from_bytes(many.to_bytes()).card
    assert card == many.card
    assert [session.muscles for session in card.sessions] == [MONDAY, TUESDAY]
    assert [session.rate for session in card.sessions] == [RATE, RATE]
    assert [session.preprocessing for session in card.sessions] == ["[]", "[]"]
    assert [session.origin["file"] for session in card.sessions] == ["monday.nwb", "tuesday.nwb"]
    assert card.started_from == "covariance"


def test_sessions_cut_around_the_same_events_start_from_averages_of_their_trials():
    quick = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"max_epochs": 1})})
    events = np.arange(0.2, 2.8, 0.15)
    cut = {
        name: cut_trials(day(name, muscles, seed=at)[0], events, from_ms=0, to_ms=100, name="trials:go")
        for at, (name, muscles) in enumerate({"monday": MONDAY, "tuesday": TUESDAY}.items())
    }
    assert AutoLFADS(config=quick).fit(cut).card.started_from == "trial averages"
    cut["tuesday"] = cut_trials(day("tuesday", TUESDAY, seed=1)[0], events, from_ms=0, to_ms=100, name="trials:stop")
    assert AutoLFADS(config=quick).fit(cut).card.started_from == "covariance"


def test_a_new_session_gets_maps_of_its_own_and_nothing_else_changes(days, many):
    muscles = ("M3", "M5", "M1")  # M5 is in no other session
    emg, _ = day("wednesday", muscles, bins=1000, seed=7)
    new = many.adapt(emg, session="wednesday")
    assert new.card.names == ("monday", "tuesday", "wednesday")
    assert [session.adapted for session in new.card.sessions] == [False, False, True]
    assert many.card.names == ("monday", "tuesday")
    before, after = (model._require_trained().model.state_dict() for model in (many, new))
    assert {name.split(".")[1] for name in after.keys() - before.keys()} == {"1"}
    for name, value in before.items():
        assert value.equal(after[name]), name
    estimate = AutoLFADS.from_bytes(new.to_bytes()).estimate(emg, session="wednesday")
    assert np.isfinite(estimate["activation"]).all()
    assert estimate["muscle"].values.tolist() == list(muscles)


@pytest.mark.parametrize("muscles", [pytest.param(MONDAY, marks=pytest.mark.slow), ("M4", "M2", "M5")])
def test_a_model_of_one_session_adapts_to_another_better_than_to_none(days, muscles):
    longer = CONFIG.training.model_copy(update={"max_epochs": 12, "patience_generations": 12})
    config = CONFIG.model_copy(update={"training": longer, "input_transform": "logarithmic"})
    model = AutoLFADS(config=config, seed=0).fit(days["monday"])
    emg, truth = day("other", muscles, bins=1500, seed=11)
    estimate = model.adapt(emg, "other").estimate(emg, session="other", correct=False)["activation"].values
    r2 = np.mean([np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(estimate.T, truth.T, strict=True)])
    assert r2 > 0.5


def test_registry_says_that_it_takes_several_sessions():
    assert [entry.key for entry in registry.entries() if entry.can.takes_sessions] == ["autolfads"]


def test_session_that_is_not_named_or_not_known_is_refused(days, many):
    with assert_refused(
        ConfigError,
        "session: the model knows 2 sessions: monday, tuesday",
        "Say which one the EMG is of, or let it learn a new one with `adapt` (`apply --adapt`)",
    ):
        many.estimate(days["monday"])
    with assert_refused(
        ConfigError,
        "session: the model does not know the session 'friday'; it knows monday, tuesday",
        "Let it learn that one with `adapt` (`apply --adapt`), or give one that it knows",
    ):
        many.estimate(days["monday"], session="friday")
    with assert_refused(
        ConfigError,
        "session: the model knows a session 'monday' already",
        "Give the new session a name of its own, or estimate it as that one",
    ):
        many.adapt(days["monday"], session="monday")


def test_sessions_of_different_rates_are_refused_by_name(days):
    slower = days["tuesday"].assign_attrs(rate=250.0)
    with assert_refused(
        SignalError,
        "the sessions have different rates: monday 500 Hz, tuesday 250 Hz",
        "Preprocess all of them to one, with preprocessing: {analysis_rate_hz: 250} in the settings file (--config)",
    ):
        AutoLFADS(config=CONFIG).fit({"monday": days["monday"], "tuesday": slower})


def test_the_same_emg_twice_is_refused(days):
    with assert_refused(
        SignalError,
        "monday.nwb, acquisition/EMG: the sessions 'monday' and 'again' are the same EMG",
        "Give each session once",
    ):
        AutoLFADS(config=CONFIG).fit({"monday": days["monday"], "again": days["monday"]})


def test_a_session_too_short_is_named(days):
    with assert_refused(
        SignalError,
        "short.nwb, session 'short': the longest segment without a gap is 0.080 s, shorter than one window of 0.100 s",
        "Give a longer recording, or train with autolfads: {window_ms: 80, window_overlap_ms: 40} in a settings file "
        "(--config); `inspect` says where trials could be windows.",
    ):
        AutoLFADS(config=CONFIG).fit({"monday": days["monday"], "short": day("short", bins=1500)[0][:40]})


@pytest.mark.parametrize("sessions", [{}, {"": None}])
def test_sessions_without_a_name_are_refused(days, sessions):
    with assert_refused(ConfigError, "AutoLFADS.fit: sessions need names", 'Give {"monday": emg1, "tuesday": emg2}'):
        AutoLFADS(config=CONFIG).fit({name: days["monday"] for name in sessions})


def test_sessions_of_which_some_are_cut_into_trials_are_refused(days):
    cut = cut_trials(days["monday"], np.arange(0.2, 2.8, 0.15), from_ms=0, to_ms=100)
    with assert_refused(
        SignalError,
        "the EMG of some sessions is cut into trials, that of tuesday is not",
        "Cut all of them, or none",
    ):
        AutoLFADS(config=CONFIG).fit({"monday": cut, "tuesday": days["tuesday"]})


def test_a_session_in_short_pieces_beside_a_long_one_is_named(days):
    pieces, _ = day("pieces", MONDAY, seed=5)
    numbers = np.arange(1500) // 40
    pieces = pieces.assign_coords(time=pieces["time"] + 0.1 * numbers, segment=("time", numbers))
    with assert_refused(
        SignalError,
        "pieces.nwb, session 'pieces': the longest segment without a gap is 0.080 s, shorter than one window of "
        "0.100 s",
        "Give a longer recording, or train with autolfads: {window_ms: 80, window_overlap_ms: 40} in a settings file "
        "(--config); `inspect` says where trials could be windows.",
    ):
        AutoLFADS(config=CONFIG).fit({"monday": days["monday"], "pieces": pieces})


def test_more_sessions_than_a_card_holds_are_refused_before_training(days, monkeypatch):
    monkeypatch.setattr(prepared, "MOST_SESSIONS", 1)
    with assert_refused(ConfigError, "AutoLFADS.fit: 2 sessions", "Give at most 1"):
        AutoLFADS(config=CONFIG).fit(days)


def test_a_card_keeps_how_emg_was_preprocessed_and_not_what_was_missing_of_it(days):
    quick = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"max_epochs": 1})})
    steps = [*STEPS, {"step": "missing", "samples": {"M0": 3}}, {"step": "quality", "unusable": {}}]
    model = AutoLFADS(config=quick).fit(days["monday"].assign_attrs(preprocessing=json.dumps(steps)))
    assert json.loads(model.card.sessions[0].preprocessing) == STEPS


STEPS = [
    {"step": "notch", "mains_hz": 50, "mains_from": "spectrum", "frequencies_hz": [50.0], "bandwidth_hz": 2.0},
    {"step": "high-pass", "filter": "Butterworth", "cutoff_hz": 65.0, "order": 4},
    {"step": "rectify"},
    {"step": "clip", "quantile": 0.999},
]


def test_emg_that_was_preprocessed_in_another_way_is_refused_and_the_difference_named(days):
    quick = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"max_epochs": 1})})
    emg = days["monday"].assign_attrs(preprocessing=json.dumps(STEPS))
    model = AutoLFADS(config=quick).fit(emg)
    other_mains = [{**STEPS[0], "mains_hz": None, "frequencies_hz": []}, *STEPS[1:]]
    model.estimate(emg.assign_attrs(preprocessing=json.dumps(other_mains)))
    others = [{**STEPS[0], "bandwidth_hz": 5.0}, {**STEPS[1], "cutoff_hz": 20.0}, STEPS[2]]
    for use in (model.estimate, lambda emg: model.adapt(emg, "new")):
        with assert_refused(
            SignalError,
            "monday.nwb, acquisition/EMG: the EMG was preprocessed in another way than that which the model was "
            "trained on: notch of 2 Hz (the model), of 5 Hz (here); high-pass at 65 Hz, order 4 (the model), at 20 Hz, "
            "order 4 (here); clip at 0.999 (the model), none (here)",
            "Preprocess it as that was (`apply --reprocess`), or train on this one",
        ):
            use(emg.assign_attrs(preprocessing=json.dumps(others)))


def test_a_model_without_a_word_on_preprocessing_takes_any(days):
    quick = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"max_epochs": 1})})
    model = AutoLFADS(config=quick).fit(days["monday"].assign_attrs(preprocessing=""))
    assert np.isfinite(model.estimate(days["monday"].assign_attrs(preprocessing=json.dumps(STEPS)))["factors"]).all()


def by_ridge(train, x, muscle):
    """A muscle from the others of its session, by the ridge regression of smoothed EMG that another session gives."""
    smooth = {name: uniform_filter1d(emg.values, 25, axis=0) for name, emg in (("train", train), ("here", x))}
    common = [each for each in x["muscle"].values if each in train["muscle"].values]
    columns = train.get_index("muscle").get_indexer(common), x.get_index("muscle").get_indexer(common)
    a, y = smooth["train"][:, columns[0]], smooth["train"][:, train.get_index("muscle").get_loc(muscle)]
    weights = np.linalg.solve(
        (a - a.mean(0)).T @ (a - a.mean(0)) + 1e-2 * len(a) * np.eye(len(common)), (a - a.mean(0)).T @ y
    )
    return smooth["here"][:, columns[1]] @ weights


@pytest.fixture(scope="module")
def lacking():
    """Two sessions, the second without M3 and with one that has no signal; a model of both; its truth."""
    longer = CONFIG.training.model_copy(update={"max_epochs": 14, "patience_generations": 14, "steps_per_epoch": 20})
    first, _ = day("monday", ("M0", "M1", "M2", "M3", "M5"), bins=2500, seed=1)
    second, _ = day("tuesday", ("M5", "M2", "M0", "M1"), bins=2000, seed=2)
    model = AutoLFADS(config=CONFIG.model_copy(update={"training": longer}), seed=0).fit({"a": first, "b": second})
    return first, second, model, day("tuesday", ("M3",), bins=2000, seed=2)[1][:, 0]


def test_a_muscle_that_a_session_lacks_is_inferred_marked_and_about_as_near_as_by_regression(lacking, record_property):
    first, second, model, truth = lacking
    plain, found = (model.estimate(second, session="b", infer_missing=each) for each in (False, True))
    assert found["muscle"].values.tolist() == ["M5", "M2", "M0", "M1", "M3"]
    assert found["inferred"].values.tolist() == [False] * 4 + [True]
    assert found["usable"].values.tolist() == [True] * 4 + [False]
    assert found["scale"].values.tolist() == [2.0] * 4 + [1.0]
    xr.testing.assert_equal(found.isel(muscle=slice(4)).drop_vars("inferred"), plain)
    inferred = found["activation"].sel(muscle="M3").values
    ours, ridge = (np.corrcoef(each, truth)[0, 1] ** 2 for each in (inferred, by_ridge(first, second, "M3")))
    record_property("R2 inferred", float(ours))
    record_property("R2 by ridge regression", float(ridge))
    assert ours > max(0.85, ridge - 0.05), (ours, ridge)


def test_the_uncertainty_of_what_is_inferred_is_as_large_as_its_errors(lacking):
    _, second, model, truth = lacking
    found = model.estimate(second, session="b", infer_missing=True).sel(muscle="M3")
    scale = (truth * found["activation"].values).sum() / np.square(truth).sum()
    error = np.abs(found["activation"].values - scale * truth)
    share = (error < found["activation_std"].values).mean()
    assert 0.5 < share < 0.99, share
    recorded = model.estimate(second, session="b")
    assert (found["activation_std"] / found["activation"]).mean() > (
        recorded["activation_std"] / recorded["activation"]
    ).mean()


def test_nothing_is_inferred_where_nothing_is_missing(days):
    quick = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"max_epochs": 1})})
    one = AutoLFADS(config=quick).fit(days["monday"])
    found = one.estimate(days["monday"], infer_missing=True)
    assert not found["inferred"].values.any()
    xr.testing.assert_equal(found.drop_vars("inferred"), one.estimate(days["monday"]))


def test_what_is_inferred_is_marked_in_the_file(lacking, tmp_path):
    from builders import file_with_2d_series

    from nwb_autolfads import read_activation, write_activation

    _, second, model, _ = lacking
    found = model.estimate(second, session="b", infer_missing=True)
    found.attrs["origin"] = "{}"
    out = write_activation(found, file_with_2d_series(tmp_path / "b.nwb"), tmp_path / "out.nwb")
    again = read_activation(out)
    assert again["inferred"].values.tolist() == [False] * 4 + [True]
    np.testing.assert_array_equal(again["activation"], found["activation"])
