"""Each estimator has one colour in every figure and on every page, and no two estimates share one."""

import numpy as np
import pytest
import xarray as xr
from report_examples import made_up_emg, made_up_estimate

from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.palette import COLOURS
from nwb_autolfads.report.colours import colours_of
from nwb_autolfads.report.comparison_figures import plot_comparison, plot_event_averages
from nwb_autolfads.report.figures import plot_activation, plot_search
from nwb_autolfads.report.unit_figure import plot_units
from nwb_autolfads.report.zoom import zoom_lines


@pytest.mark.parametrize("names", [["LowPass"], ["LowPass", "AutoLFADS"], ["AutoLFADS", "Mine", "LowPass"]])
def test_an_estimator_keeps_its_colour_whatever_is_drawn_beside_it(names):
    assert colours_of(names)["LowPass"] == "#0072B2"
    assert len(set(colours_of(names).values())) == len(names)


def test_estimates_of_one_estimator_and_of_unknown_ones_get_colours_of_their_own():
    estimators = {"slow": "LowPass", "fast": "LowPass", "net": "AutoLFADS", "x": "Kalman", "y": "Kalman", "z": "Kalman"}
    found = colours_of(estimators, estimators)
    assert (found["slow"], found["net"]) == ("#0072B2", "#D55E00")
    assert sorted(found.values()) == sorted(COLOURS)
    assert colours_of([str(number) for number in range(9)])["7"] in COLOURS  # more estimates than colours


def test_every_figure_draws_an_estimate_in_the_colour_of_its_estimator():
    emg, _ = made_up_emg()
    estimates = {"first": made_up_estimate(emg, "LowPass", history=False), "second": made_up_estimate(emg)}
    expected = {"first": "#0072B2", "second": "#D55E00"}
    drawn = [plot_activation(estimates), plot_event_averages(estimates, Events("marks", np.arange(1.0, 7.0)))]
    for figure in drawn:
        assert {line.get_label(): line.get_color() for line in figure.axes[0].lines if line.get_label()[0] != "_"} == (
            expected
        )
    assert {line.label: line.colour for line in zoom_lines(estimates, None, 4.0).rows[0][2]} == expected
    best = {line.get_label(): line.get_color() for line in plot_search(estimates["second"]).axes[0].lines}[
        "best member"
    ]
    assert best == "#D55E00"
    scores = xr.Dataset(
        {"r2": (("estimator", "muscle"), [[0.5], [0.6]]), "r2_fold": (("estimator", "muscle", "fold"), [[[0.5]]] * 2)},
        coords={"estimator": ["first", "second"], "muscle": ["TA"]},
    )
    lines = plot_comparison(scores, "muscle", colours=expected).axes[0].lines
    assert {line.get_label(): line.get_color() for line in lines if line.get_label() in expected} == expected


def test_units_have_the_same_place_in_every_estimate_the_best_predicted_one_first():
    r2 = [[0.1, 0.6, 0.3], [0.2, 0.5, 0.4]]
    scores = xr.Dataset(
        {"unit_r2": (("estimator", "unit"), r2)}, {"estimator": ["LowPass", "AutoLFADS"], "unit": ["u1", "u2", "u3"]}
    )
    lines = {line.get_label(): line for line in plot_units(scores).axes[0].lines}
    assert lines["LowPass"].get_ydata().tolist() == [0.6, 0.3, 0.1]
    assert lines["AutoLFADS"].get_ydata().tolist() == [0.5, 0.4, 0.2]
    assert lines["LowPass"].get_color() == colours_of(["LowPass", "AutoLFADS"])["LowPass"]
