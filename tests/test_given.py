"""What is of a wrong kind is refused by an error of the package, whatever public function it is given to."""

import numpy as np
import pytest
import xarray as xr
from messages import assert_refused
from nwb_examples import make_emg, make_estimate

import nwb_autolfads as nal
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.given import path_of

EMG = make_emg()
ESTIMATE = make_estimate(EMG)
BURSTS = xr.Dataset(
    {"onset": ("burst", [3.0]), "offset": ("burst", [3.1]), "peak": ("burst", [1.0])}, {"muscle": ("burst", ["TA"])}
)
EVENTS = Events("reward", np.array([3.0, 5.0]))
NONE = "none.nwb"

WRONG = {
    "None": None,
    "a number": 3,
    "a list": [1, "a"],
    "an array": np.ones((5, 2)),
    "an array without names": xr.DataArray(np.ones((5, 2)), dims=("a", "b")),
    "a single value": xr.DataArray(3.0),
    "an empty Dataset": xr.Dataset(),
    "no Datasets by their names": {"LowPass": 3},
    "bytes": b"session.nwb",
    "an object": object(),
    "a missing file": NONE,
    "a folder": ".",
}
"""By what it is called in the name of a test."""


def but(taken, wrong):
    """Return what is wrong; something else in the place of a kind that is taken here."""
    return object() if isinstance(wrong, taken) else wrong


ESTIMATORS = (
    "AmortizedSmoother",
    "AutoLFADS",
    "BayesianFilter",
    "LowPass",
    "LowPassSubspace",
    "StateSpaceSmoother",
    "WienerSmoother",
)

CALLS = {
    "apply": [lambda x: nal.apply(x, NONE), lambda x: nal.apply("model.safetensors", x)],
    "compare_with_behavior": [nal.compare_with_behavior, lambda x: nal.compare_with_behavior(ESTIMATE, x)],
    "compare_with_cortex": [nal.compare_with_cortex, lambda x: nal.compare_with_cortex(ESTIMATE, x)],
    "count_spikes": [nal.count_spikes],
    "cut_epochs": [
        lambda x: nal.cut_epochs(x, [3.0], before=0.1, after=0.1),
        lambda x: nal.cut_epochs(EMG, x, before=0.1, after=0.1),
        lambda x: nal.cut_epochs(EMG, [3.0], before=but(int, x), after=0.1),
    ],
    "cut_trials": [lambda x: nal.cut_trials(x, np.arange(1.0, 11.0)), lambda x: nal.cut_trials(EMG, x)],
    "find_onsets": [nal.find_onsets, lambda x: nal.find_onsets(EMG, baseline=but(type(None), x))],
    "force_coherence": [nal.force_coherence, lambda x: nal.force_coherence(ESTIMATE, x)],
    "frequency_response": [nal.frequency_response, lambda x: nal.frequency_response(ESTIMATE, x)],
    "inspect": [nal.inspect],
    "open_emg": [nal.open_emg],
    "plot_activation": [
        nal.plot_activation,
        lambda x: nal.plot_activation(ESTIMATE, emg=but(type(None), x)),
        lambda x: nal.plot_activation(ESTIMATE, truth=but(type(None), x)),
        lambda x: nal.plot_activation(ESTIMATE, muscles=but(type(None), x)),
        lambda x: nal.plot_activation(ESTIMATE, start=but((int, type(None)), x)),
    ],
    "plot_comparison": [lambda x: nal.plot_comparison(x, "target"), lambda x: nal.plot_comparison(xr.Dataset(), x)],
    "plot_event_averages": [
        lambda x: nal.plot_event_averages(x, EVENTS),
        lambda x: nal.plot_event_averages(ESTIMATE, x),
        lambda x: nal.plot_event_averages(ESTIMATE, EVENTS, muscles=but(type(None), x)),
    ],
    "plot_force_coherence": [nal.plot_force_coherence],
    "plot_frequency_response": [nal.plot_frequency_response],
    "plot_latents": [lambda x: nal.plot_latents(x, "factors"), lambda x: nal.plot_latents(ESTIMATE, x)],
    "plot_search": [nal.plot_search],
    "preprocess": [nal.preprocess],
    "read_activation": [nal.read_activation],
    "report": [nal.report],
    "run": [nal.run, lambda x: nal.run(NONE, x)],
    "run_many": [lambda x: nal.run_many(x, "out").require_all(), lambda x: nal.run_many([x], "out").require_all()],
    "score_held_out": [lambda x: nal.score_held_out(x, EMG), lambda x: nal.score_held_out({"it": nal.LowPass()}, x)],
    "simulate_session": [lambda x: nal.simulate_session(but(str, x))],
    "view": [nal.view],
    "write_activation": [lambda x: nal.write_activation(x, NONE), lambda x: nal.write_activation(ESTIMATE, x)],
    "write_bursts": [lambda x: nal.write_bursts(x, NONE), lambda x: nal.write_bursts(BURSTS, x)],
    **{
        name: [lambda x, of=name: getattr(nal, of)().fit(x), lambda x, of=name: getattr(nal, of)().estimate(x)]
        for name in ESTIMATORS
    },
}
"""For each public name that takes data or a file, what is done with what is wrong."""
CALLS["AutoLFADS"].append(nal.AutoLFADS.load)


def test_every_public_name_that_takes_data_or_a_file_is_in_the_table():
    classes = {name for name in nal.__all__ if isinstance(getattr(nal, name), type)}
    assert set(nal.__all__) - {"__version__"} - classes == set(CALLS) - set(ESTIMATORS)
    others = {name for name in classes if issubclass(getattr(nal, name), Exception)} | {"Result"}
    assert classes - others == set(ESTIMATORS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_what_is_of_a_wrong_kind_is_refused_by_an_error_of_the_package(name, tmp_path, monkeypatch):
    if name == "view":
        pytest.importorskip("dash", reason="the extra `viewer` is not installed")
    monkeypatch.chdir(tmp_path)
    for call in CALLS[name]:
        for kind, wrong in WRONG.items():
            with pytest.raises(nal.NwbAutolfadsError) as error:
                call(wrong)
            assert str(error.value).isprintable(), kind
            assert len(str(error.value)) < 1200, kind


@pytest.mark.parametrize(
    ("call", "error", "problem", "way_out"),
    [
        (
            lambda: nal.plot_activation({"LowPass": 3}),
            nal.SignalError,
            "LowPass: this is no estimate: 'int' without activation (time, muscle)",
            "Give what an estimator's estimate() or nal.read_activation returns",
        ),
        (
            lambda: nal.compare_with_cortex(3),
            nal.SignalError,
            "these are no estimates: 'int'",
            "Give an estimate, or several by their names: {'LowPass': estimate}",
        ),
        (
            lambda: nal.plot_activation(ESTIMATE, muscles=["TA", "XY"]),
            nal.ConfigError,
            "no muscle is called 'XY'",
            "There are TA, SOL, VL",
        ),
        (
            lambda: ESTIMATE.nal.plot("XY"),
            nal.ConfigError,
            "no muscle is called 'XY'",
            "There are TA, SOL, VL",
        ),
        (
            lambda: nal.plot_search(ESTIMATE.drop_vars(["search_epoch"], errors="ignore")),
            nal.SignalError,
            "there is no search_epoch in it",
            "Give an estimate of AutoLFADS, which keeps the history of its search",
        ),
        (
            lambda: nal.find_onsets(EMG, baseline=(1.0, None)),
            nal.ConfigError,
            "find_onsets: baseline is None",
            "Give a finite number",
        ),
        (
            lambda: nal.read_activation(3),
            nal.SourceError,
            "3 is no path",
            "Give a str or a pathlib.Path",
        ),
        (
            lambda: nal.frequency_response({"A": ESTIMATE, "B": ESTIMATE}, {"A": EMG}),
            nal.SignalError,
            "B: there is no EMG of this estimate",
            "Give that of each",
        ),
    ],
)
def test_the_message_says_what_is_needed(call, error, problem, way_out):
    with assert_refused(error, problem, way_out):
        call()


def test_one_estimate_alone_is_drawn_as_if_it_had_its_name():
    alone, named = (nal.plot_activation(each, muscles=["TA"]) for each in (ESTIMATE, {"AutoLFADS": ESTIMATE}))
    assert [line.get_label() for line in alone.axes[0].lines] == [line.get_label() for line in named.axes[0].lines]


def test_a_path_is_text_or_a_path(tmp_path):
    assert path_of(str(tmp_path)) == path_of(tmp_path) == tmp_path
