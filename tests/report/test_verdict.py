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
)
from nwb_autolfads.report.following import explained_share
from nwb_autolfads.report.page import render_report
from nwb_autolfads.report.training import plot_latents
from nwb_autolfads.report.verdict import judge
from nwb_autolfads.report.zoom import zoom_lines


def trained(emg, scores, **variables):
    epochs = np.arange(len(scores))
    history = {"search_epoch": ("search_row", epochs), "search_valid_nll": ("search_row", np.asarray(scores))}
    estimate = made_up_estimate(emg, history=False)
    values = emg.values.copy()
    return estimate.assign(activation=(("time", "muscle"), values), **history, **variables)


def unseen(difference, better, trained_there="[]"):
    """Scores in EMG that no model was trained on, AutoLFADS beside BayesianFilter."""
    pair = {"difference": [difference], "difference_error": [0.01], "better": [better]}
    return xr.Dataset(
        {"score": (("estimator", "muscle"), [[0.5 + difference] * 2, [0.5] * 2])}
        | {name: ("pair", values) for name, values in pair.items()},
        coords={
            "estimator": ["AutoLFADS", "BayesianFilter"],
            "muscle": ["TA", "SOL"],
            "first": ("pair", ["AutoLFADS"]),
            "second": ("pair", ["BayesianFilter"]),
        },
        attrs={"n_blocks": 6, "trained_there": trained_there},
    )


FALLEN = [1.0, 0.5, 0.4, 0.39, 0.385, 0.384, 0.384, 0.384, 0.384, 0.384]
FALLING = list(np.linspace(1.0, 0.1, 10))


def comparison(
    first, second, spread, p_items, prefix="population_", item="unit", score="unit_r2", n_items=6, effect=1.0
):
    values = np.repeat([[first], [second]], n_items, axis=1)
    coords = {"estimator": ["AutoLFADS", "LowPass"], "first": ("pair", ["AutoLFADS"]), "second": ("pair", ["LowPass"])}
    return xr.Dataset(
        {
            score: (("estimator", item), values),
            f"{prefix}difference_low": ("pair", [first - second - spread]),
            f"{prefix}difference_high": ("pair", [first - second + spread]),
            f"{prefix}effect_items": ("pair", [effect]),
            f"{prefix}p_items_corrected": ("pair", [p_items]),
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
    found = judge(estimates, emg=emg, comparisons={"emg": unseen(0.1, 1), "cortex": comparison(0.5, 0.3, 0.1, 0.01)})
    assert found.headline == "AutoLFADS looks trustworthy: 5 of 5 checks speak for it, none against."
    assert found.findings[0].text == (
        "It is nearer to activation than BayesianFilter in EMG that no model was trained on "
        "(BayesianFilter: +0.100, standard error 0.010 over 6 blocks)."
    )


def test_one_failed_check_asks_for_care_and_two_for_distrust():
    emg, _ = made_up_emg()
    good = trained(emg, FALLEN)
    assert judge({"AutoLFADS": good}, emg=emg, comparisons={"emg": unseen(-0.1, -1)}).headline.startswith(
        "Use AutoLFADS with care"
    )
    still = judge({"AutoLFADS": trained(emg, FALLING)}, emg=emg, comparisons={"emg": unseen(-0.1, -1)})
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
        (
            [1.0, 0.5, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.0],
            None,
            "Longer training may help a little: 10.0% of the improvement came in the last fifth of 10 epochs.",
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
    half = np.random.default_rng(0).normal(scale=0.7, size=(n, 2))  # half the variance of their uncertainty
    weak = {"inputs": (("time", "input"), half), "inputs_std": flat["inputs_std"]}
    assert judge({"AutoLFADS": trained(emg, FALLEN, **weak)}).findings[1].good is False


def test_cortex_speaks_only_where_the_difference_is_certain():
    emg, _ = made_up_emg()
    for first, spread, p_items, good in (
        (0.5, 0.3, 0.01, None),
        (0.5, 0.1, 0.2, None),
        (0.5, 0.1, 0.02, True),
        (0.1, 0.1, 0.02, False),
    ):
        compared = {"cortex": comparison(first, 0.3, spread, p_items)}
        finding = judge({"AutoLFADS": trained(emg, FALLEN)}, comparisons=compared).findings[-1]
        assert finding.good is good
        assert "95 % interval over folds" in finding.text


def test_few_targets_are_no_reason_to_call_a_large_difference_none():
    emg, _ = made_up_emg()
    four = {"prefix": "targets_", "item": "target", "score": "r2", "n_items": 4}
    compared = {"behavior": comparison(0.9, 0.5, 0.1, 0.375, **four)}  # the least p of four joints and three pairs
    finding = judge({"AutoLFADS": trained(emg, FALLEN)}, comparisons=compared).findings[-1]
    assert finding.good is True
    assert finding.text == (
        "It predicts behaviour better than LowPass (R² 0.900 against 0.500 over 4 targets; +0.400, "
        "95 % interval over folds +0.300 to +0.500)."
    )
    compared = {"behavior": comparison(0.9, 0.5, 0.1, 0.375, effect=0.8, **four)}
    finding = judge({"AutoLFADS": trained(emg, FALLEN)}, comparisons=compared).findings[-1]
    assert finding.good is None
    assert finding.text.startswith("Whether it predicts behaviour better or less well than LowPass is not certain")


def test_what_cannot_be_told_apart_is_not_called_worse():
    emg, _ = made_up_emg()
    judged = {"AutoLFADS": trained(emg, FALLEN)}
    finding = judge(judged, comparisons={"emg": unseen(-0.1, 0)}).findings[0]
    assert finding.good is None
    assert finding.text.startswith("It cannot be told apart from BayesianFilter")
    finding = judge(judged, comparisons={"emg": unseen(0.1, 1, '["AutoLFADS"]')}).findings[0]
    assert finding.good is None
    assert "no block that was held out from its training" in finding.text
    finding = judge(judged, comparisons={"emg": unseen(np.nan, 0)}).findings[0]
    assert finding.good is None


@pytest.mark.parametrize(
    ("own", "good", "headline"),
    [
        (0.9, True, "The truth is known: AutoLFADS is nearest to it, then LowPass (R² 0.900 against 0.800"),
        (0.7, False, "The truth is known: LowPass is nearer to it than AutoLFADS (R² 0.700 against 0.800"),
        (0.803, None, "Too little is known"),
    ],
)
def test_a_truth_that_is_known_decides(own, good, headline):
    emg, _ = made_up_emg()
    truth = xr.Dataset(
        {"r2": (("estimator", "muscle"), [[own] * 2, [0.8] * 2])}, coords={"estimator": ["AutoLFADS", "LowPass"]}
    )
    compared = {"emg": unseen(-0.1, -1)}
    found = judge({"AutoLFADS": trained(emg, FALLEN)}, comparisons=compared, truth=truth)
    assert found.findings[0].good is good
    assert found.headline.startswith(headline)
    assert not any("no model was trained on" in finding.text for finding in found.findings)


def test_a_control_above_zero_is_said():
    emg, _ = made_up_emg()
    for control, said in ((0.2, True), (-0.2, False)):
        scores = comparison(0.5, 0.3, 0.1, 0.01)
        scores["control_r2"] = (
            ("estimator", "unit", "shuffle"),
            np.array([control, -0.3])[:, None, None] * np.ones(6)[None, :, None],
        )
        texts = [
            finding.text
            for finding in judge({"AutoLFADS": trained(emg, FALLEN)}, comparisons={"cortex": scores}).findings
        ]
        assert (
            "Shuffled time predicts too, which it must not (R² AutoLFADS 0.200): do not use that score." in texts
        ) is said


def test_an_estimate_of_part_of_the_time_is_compared_by_time():
    emg, _ = made_up_emg()
    part = trained(emg, FALLEN).isel(time=slice(100, None))
    assert explained_share(part["activation"], emg)["TA"] == pytest.approx(1.0)


def test_a_likelihood_that_is_not_known_says_why():
    emg, _ = made_up_emg()
    finding = judge({"AutoLFADS": trained(emg, FALLEN)}, missing={"emg": "there are 2 blocks"}).findings[0]
    assert finding.good is None
    assert finding.text.endswith("no model was trained on, is not known: there are 2 blocks.")


def test_filters_alone_are_not_judged():
    emg, _ = made_up_emg()
    found = judge({"LowPass": made_up_estimate(emg, "LowPass", history=False)}, emg=emg)
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
def test_the_page_says_what_was_not_compared():
    emg, _ = made_up_emg()
    page = render_report(
        {"AutoLFADS": made_up_estimate(emg)}, title="t", emg=emg, missing={"cortex": "holds no <units>"}, notes=["n1"]
    )
    assert "cortex: holds no &lt;units&gt;" in page
    assert "<li>n1</li>" in page


def test_the_numbers_beside_a_claim_are_of_the_estimate_that_it_names():
    emg, _ = made_up_emg()
    names = ["LowPass", "BayesianFilter", "AutoLFADS"]
    scores = xr.Dataset(
        {
            "score": (("estimator", "muscle"), [[0.5], [0.6], [0.7]]),
            "difference": ("pair", [-0.1, -0.2, -0.1]),
            "difference_error": ("pair", [0.01, 0.02, 0.03]),
            "better": ("pair", [0, -1, 0]),
        },
        coords={
            "estimator": names,
            "muscle": ["TA"],
            "first": ("pair", [names[0], names[0], names[1]]),
            "second": ("pair", [names[1], names[2], names[2]]),
        },
        attrs={"n_blocks": 6, "trained_there": "[]"},
    )
    estimates = {name: made_up_estimate(emg, name, history=False) for name in names[:2]}
    found = judge({**estimates, "AutoLFADS": trained(emg, FALLEN)}, emg=emg, comparisons={"emg": scores})
    assert found.findings[0].text == (
        "It is nearer to activation than LowPass in EMG that no model was trained on "
        "(LowPass: +0.200, standard error 0.020 over 6 blocks); not told apart from BayesianFilter."
    )
