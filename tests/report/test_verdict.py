"""The verdict in plain words: each check on an estimate made to pass and on one made to fail it."""

import numpy as np
import pytest
import xarray as xr
from report_examples import made_up_emg, made_up_estimate

from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.report.comparison_figures import (
    plot_comparison,
    plot_event_averages,
    plot_force_coherence,
    plot_frequency_response,
    plot_latents,
)
from nwb_autolfads.report.page import render_report
from nwb_autolfads.report.verdict import explained_share, judge
from nwb_autolfads.report.zoom import zoom_lines


def trained(emg, scores, **variables):
    epochs = np.arange(len(scores))
    history = {"search_epoch": ("search_row", epochs), "search_valid_nll": ("search_row", np.asarray(scores))}
    estimate = made_up_estimate(emg, history=False)
    values = emg.values.copy()
    return estimate.assign(activation=(("time", "muscle"), values), **history, **variables)


def held_out(own, other):
    nll = np.array([[own, own], [other, other]])
    coords = {"estimator": ["AutoLFADS", "BayesianFilter"], "muscle": ["TA", "SOL"]}
    return xr.Dataset({"nll": (("estimator", "muscle"), nll)}, coords=coords)


FALLEN = [1.0, 0.5, 0.4, 0.39, 0.385, 0.384, 0.384, 0.384, 0.384, 0.384]
FALLING = list(np.linspace(1.0, 0.1, 10))


def comparison(first, second, p, p_items=None, prefix="population_", item="unit", score="unit_r2"):
    rng = np.random.default_rng(0)
    values = np.array([[first], [second]]) + 0.01 * rng.normal(size=(2, 6))
    coords = {"estimator": ["AutoLFADS", "LowPass"], "first": ("pair", ["AutoLFADS"]), "second": ("pair", ["LowPass"])}
    return xr.Dataset(
        {
            score: (("estimator", item), values),
            f"{prefix}p_folds_corrected": ("pair", [p]),
            f"{prefix}p_items_corrected": ("pair", [p if p_items is None else p_items]),
        },
        coords=coords,
    )


def test_a_fit_that_passes_every_check_is_called_trustworthy():
    emg, _ = made_up_emg()
    rng = np.random.default_rng(0)
    inputs = {"inputs": (("time", "input"), rng.normal(size=(emg.sizes["time"], 2)))}
    inputs["inputs_std"] = (("time", "input"), np.full((emg.sizes["time"], 2), 0.1))
    estimates = {
        "LowPass": made_up_estimate(emg, "LowPass", history=False),
        "AutoLFADS": trained(emg, FALLEN, **inputs),
    }
    found = judge(estimates, emg=emg, held_out=held_out(0.5, 0.6), comparisons={"cortex": comparison(0.5, 0.3, 0.01)})
    assert found.headline == "AutoLFADS looks trustworthy: 5 of 5 checks speak for it, none against."
    assert found.findings[0].text == (
        "It predicts hidden EMG better than the best filter, BayesianFilter "
        "(0.5000 against 0.6000 nats per bin and muscle; lower is better)."
    )


def test_one_failed_check_asks_for_care_and_two_for_distrust():
    emg, _ = made_up_emg()
    good = trained(emg, FALLEN)
    assert judge({"AutoLFADS": good}, emg=emg, held_out=held_out(0.7, 0.6)).headline.startswith(
        "Use AutoLFADS with care"
    )
    still = judge({"AutoLFADS": trained(emg, FALLING)}, emg=emg, held_out=held_out(0.7, 0.6))
    assert still.headline.startswith("Do not trust AutoLFADS here yet: 2 of 3")
    assert "had not converged" in still.findings[2].text


@pytest.mark.parametrize(
    ("scores", "good", "text"),
    [
        (FALLEN, True, "Training converged: 0.0% of the improvement came in the last fifth of 10 epochs."),
        (
            FALLING,
            False,
            "Training had not converged: 22.2% of the improvement came in the last fifth of 10 epochs. Train longer.",
        ),
        ([0.5] * 10, False, "Training shows no improvement over its 10 epochs: it cannot have converged."),
        (
            [0.5, 0.6, 0.7, 0.8, 0.9],
            False,
            "Training shows no improvement over its 5 epochs: it cannot have converged.",
        ),
        ([1.0, 0.5], None, "Whether training converged cannot be told from 2 epochs."),
        ([np.nan] * 6, False, "Training never reached a finite score."),
    ],
)
def test_convergence_is_seen_in_the_search_history(scores, good, text):
    emg, _ = made_up_emg()
    finding = judge({"AutoLFADS": trained(emg, scores)}).findings[-1]
    assert (finding.good, finding.text) == (good, text)


@pytest.mark.parametrize(
    ("followed", "good", "text"),
    [
        (5, True, "It follows 5 of 5 muscles (over 50% of their smoothed EMG)."),
        (4, True, "It follows 4 of 5 muscles (over 50% of their smoothed EMG); not m0."),
        (3, False, "It follows 3 of 5 muscles (over 50% of their smoothed EMG); not m0, m1."),
        (0, False, "It follows 0 of 5 muscles (over 50% of their smoothed EMG); not m0, m1, m2, m3, m4."),
    ],
)
def test_an_estimate_must_follow_four_in_five_muscles(followed, good, text):
    emg, _ = made_up_emg([f"m{number}" for number in range(5)])
    estimate = trained(emg, FALLEN)
    noise = np.random.default_rng(1).uniform(size=(emg.sizes["time"], 5 - followed))
    estimate["activation"].values[:, : 5 - followed] = noise
    finding = judge({"AutoLFADS": estimate}, emg=emg).findings[1]
    assert (finding.good, finding.text) == (good, text)


def test_inputs_that_do_nothing_speak_against_the_fit():
    emg, _ = made_up_emg()
    n = emg.sizes["time"]
    flat = {"inputs": (("time", "input"), np.zeros((n, 2))), "inputs_std": (("time", "input"), np.ones((n, 2)))}
    finding = judge({"AutoLFADS": trained(emg, FALLEN, **flat)}).findings[1]
    assert finding.good is False
    assert finding.text.startswith("0 of 2 inferred inputs vary")


def test_cortex_speaks_only_where_the_difference_is_certain():
    emg, _ = made_up_emg()
    for first, p, p_items, good in (
        (0.5, 0.2, 0.01, None),
        (0.5, 0.01, 0.2, None),
        (0.5, 0.01, 0.02, True),
        (0.1, 0.01, 0.02, False),
    ):
        compared = {"cortex": comparison(first, 0.3, p, p_items)}
        finding = judge({"AutoLFADS": trained(emg, FALLEN)}, comparisons=compared).findings[-1]
        assert finding.good is good
        assert f"p {p:g} over folds, {p_items:g} over units" in finding.text


def test_a_likelihood_that_is_not_known_says_why():
    emg, _ = made_up_emg()
    finding = judge({"AutoLFADS": trained(emg, FALLEN)}, held_out="the file holds no trained model").findings[0]
    assert finding.good is None
    assert finding.text.endswith("beside the best filter: the file holds no trained model.")


def test_filters_alone_are_not_judged():
    emg, _ = made_up_emg()
    found = judge({"LowPass": made_up_estimate(emg, history=False)}, emg=emg)
    assert found.subject == ""
    assert "no fit to distrust" in found.headline


def test_explained_share_is_the_squared_correlation_of_what_was_averaged():
    emg, _ = made_up_emg()
    estimate = made_up_estimate(emg)["activation"] * 3 + 1
    share = explained_share(estimate, emg)
    assert share["TA"] == pytest.approx(1.0)
    assert np.isnan(share["GM"])  # left out
    noise = emg.copy(data=np.random.default_rng(1).uniform(size=emg.shape).astype(np.float32))
    assert explained_share(noise, emg)["TA"] < 0.1


def test_zoom_lines_keep_the_page_small_and_break_where_nothing_is_known():
    emg, _ = made_up_emg(seconds=8.0)
    estimate = made_up_estimate(emg)
    estimate["activation"].values[2000:2010] = np.nan
    found = zoom_lines({"AutoLFADS": estimate}, emg, 4.0)
    assert [row[0] for row in found.rows] == ["TA", "SOL"]
    line = found.rows[0][2][1]
    assert line.path.count("M") == 2
    assert line.path.count("L") == found.n_bins - 10 - 2
    long_emg, _ = made_up_emg([f"m{k}" for k in range(40)], seconds=60.0)
    rows = zoom_lines({"a": made_up_estimate(long_emg)}, long_emg, 30.0).rows
    assert sum(len(line.path) for row in rows for line in row[2]) < 1_200_000


def test_each_figure_shows_what_it_is_given():
    emg, _ = made_up_emg()
    estimate = made_up_estimate(emg).assign(factors=(("time", "factor"), np.zeros((emg.sizes["time"], 3))))
    events = Events("steps:start_time", np.arange(1.0, 7.0))
    averaged = plot_event_averages({"a": estimate}, events)
    assert [axis.get_title() for axis in averaged.axes if axis.get_visible()] == ["TA", "SOL"]
    trials = np.stack([emg.values[round(t * 500) - 50 : round(t * 500) + 126, 0] for t in events.times])
    expected = trials.mean(axis=0) * 20  # the scale, in microvolts
    np.testing.assert_allclose(averaged.axes[0].lines[0].get_ydata(), expected, rtol=1e-5)
    assert len(plot_latents(estimate, "factors").axes) == 3
    scores = xr.Dataset(
        {
            "r2": (("estimator", "muscle"), [[0.5, 0.6]]),
            "r2_fold": (("estimator", "muscle", "fold"), np.full((1, 2, 4), 0.5)),
            "control_r2": (("estimator", "muscle", "shuffle"), np.zeros((1, 2, 2))),
        },
        coords={"estimator": ["a"], "muscle": ["TA", "$x$"]},
    )
    drawn = plot_comparison(scores, "muscle").axes[0]
    assert [label.get_text() for label in drawn.get_xticklabels()] == ["TA", "$x$"]
    np.testing.assert_allclose(drawn.lines[0].get_ydata(), [0.5, 0.6])
    response = xr.Dataset(
        {
            "gain": (("estimator", "phase", "muscle", "frequency"), np.full((1, 2, 2, 3), 0.5)),
            "coherence": (("estimator", "phase", "muscle", "frequency"), np.full((1, 2, 2, 3), 0.8)),
            "coherence_limit": ("phase", [0.1, 0.2]),
        },
        coords={
            "estimator": ["a"],
            "phase": ["stance", "swing"],
            "muscle": ["TA", "SOL"],
            "frequency": [1.0, 2.0, 3.0],
        },
    )
    panels = plot_frequency_response(response).axes
    assert [panel.get_title() for panel in panels] == ["stance", "swing", "", ""]
    np.testing.assert_allclose(panels[0].lines[0].get_ydata(), 20 * np.log10(0.5))
    np.testing.assert_allclose(panels[3].lines[0].get_ydata(), 0.8)
    np.testing.assert_allclose(panels[3].lines[1].get_ydata(), 0.2)


def test_the_figure_of_force_draws_the_muscle_that_shares_most_with_its_confidence_limits():
    coherence = np.stack([np.full((2, 4), 0.3), np.full((2, 4), 0.6)])[None]  # (estimator, muscle, target, frequency)
    dims = ("estimator", "muscle", "target", "frequency")
    force = xr.Dataset(
        {
            "coherence": (dims, coherence),
            "lower": (dims, coherence - 0.1),
            "upper": (dims, coherence + 0.2),
            "coherence_limit": ("target", [0.05, 0.07]),
        },
        coords={
            "estimator": ["a"],
            "muscle": ["TA", "$SOL$"],
            "target": ["Fz", "d Fz/dt"],
            "frequency": [1.0, 2.0, 3.0, 4.0],
        },
    )
    panels = plot_force_coherence(force).axes
    assert [panel.get_title() for panel in panels] == ["Fz and $SOL$", "d Fz/dt and $SOL$"]
    np.testing.assert_allclose(panels[1].lines[0].get_ydata(), 0.6)
    np.testing.assert_allclose(panels[1].lines[1].get_ydata(), 0.07)
    band = panels[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.5, 0.8))
    assert len(plot_force_coherence(force, muscles=["TA", "$SOL$"]).axes) == 4


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_was_not_compared_and_how_often_the_model_is_right():
    emg, _ = made_up_emg()
    estimate = made_up_estimate(emg)
    shape = np.full(emg.shape, 2.0, dtype=np.float32)
    drawn = np.random.default_rng(0).gamma(2.0, 0.5, size=emg.shape)
    observed = emg.copy(data=drawn.astype(np.float32))
    model = estimate.assign(concentration=(("time", "muscle"), shape), rate_parameter=(("time", "muscle"), shape))
    page = render_report(
        {"AutoLFADS": model}, title="t", emg=observed, missing={"cortex": "holds no <units>"}, notes=["n1"]
    )
    assert "cortex: holds no &lt;units&gt;" in page
    assert "<li>n1</li>" in page
    assert "Calibration" in page
    assert ">90 %<" in page
