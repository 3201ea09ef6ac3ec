"""The report page: self-contained, escaped, and its figures show what they are given."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from report_examples import RATE, made_up_emg, made_up_estimate
from scipy.stats import norm

from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.report import sections
from nwb_autolfads.report.content import in_order_of
from nwb_autolfads.report.figures import busiest_excerpt, plot_activation, plot_scores, plot_search, with_band
from nwb_autolfads.report.page import render_report
from nwb_autolfads.report.recording import origin_of
from nwb_autolfads.report.training import plot_latents


def visible_text(html):
    class Reader(HTMLParser):
        text, tags, hidden = "", [], False

        def handle_starttag(self, tag, attrs):
            self.tags.append((tag, dict(attrs)))
            self.hidden = tag in {"style", "script"}

        def handle_endtag(self, tag):
            self.hidden = False

        def handle_data(self, data):
            self.text += "" if self.hidden else data

    reader = Reader()
    reader.tags = []
    reader.feed(html)
    return re.sub(r"\s+", " ", reader.text), reader.tags


@pytest.fixture(scope="module")
def page():
    emg, truth = made_up_emg(("TA", "<script>alert(1)</script>", "G$M_{"))
    estimates = {
        "LowPass": made_up_estimate(emg, "LowPass", history=False),
        "AutoLFADS": made_up_estimate(emg),
    }
    return render_report(
        estimates,
        title="walk <b>1</b>.nwb",
        emg=emg,
        assumptions=["raw & in volts"],
        truth=truth,
        scores=score_against_truth(estimates, truth),
        commands=["nwb-autolfads run 'walk 1.nwb'"],
    )


def test_a_muscle_named_like_a_script_shows_as_text(page):
    text, tags = visible_text(page)
    assert "<script>alert(1)</script>" in text
    assert "walk <b>1</b>.nwb" in text
    assert "raw & in volts" in text
    assert [tag for tag, _ in tags if tag in {"script", "b"}] == ["script"]  # the one that zooms


def test_the_page_loads_nothing_from_elsewhere(page):
    _, tags = visible_text(page)
    addresses = [attrs[key] for _, attrs in tags for key in ("src", "href") if key in attrs]
    places = {address[1:] for address in addresses if address.startswith("#")}
    assert places <= {attrs.get("id") for _, attrs in tags}
    addresses = [address for address in addresses if not address.startswith("#")]
    assert len(addresses) == 5  # activation twice, scores, search history, and an icon so that browsers do not ask
    assert all(address.startswith("data:") for address in addresses)
    assert "url(" not in page
    assert len(page) < 5_000_000


def test_the_page_tells_what_was_read_and_how_to_do_it_again(page):
    text, _ = visible_text(page)
    for said in (
        "acquisition/EMG",
        "abc-1",
        "8.0 s",
        "500 Hz",
        "cutoff_hz: 65",
        "at: 0.1, 0.25; mains_hz: none",
        "1 in the file is (µV)",
        "left out",
        "seed 3",
        "nwb-autolfads run 'walk 1.nwb'",
        "036013",
    ):
        assert said in text
    assert '<td class="number">20</td>' in page  # the scale, in microvolts


@pytest.mark.usefixtures("undrawn")
def test_a_file_without_history_or_truth_makes_a_page_without_those_parts():
    emg, _ = made_up_emg()
    text, _ = visible_text(render_report({"LowPass": made_up_estimate(emg, history=False)}, title="t"))
    assert "Search history" not in text
    assert "true activation" not in text


@pytest.mark.usefixtures("undrawn")
def test_the_page_shows_the_quality_of_each_muscle_in_numbers_and_as_a_picture():
    emg, _ = made_up_emg(("TA", "S$O_{", "GM"))
    quality = xr.Dataset(
        {
            "usable": ("muscle", [True, False]),
            "reason": ("muscle", ["", "the same signal as $M_{"]),
            "snr_db": ("muscle", [21.34, np.nan]),
            "movement_share": ("muscle", [0.071, 0.2]),
            "mains_share": ("muscle", [0.016, 0.3]),
            "saturated_share": ("muscle", [0.0, 0.001]),
            "crosstalk": ("muscle", [0.31, 0.31]),
            "crosstalk_with": ("muscle", ["<SOL>", "TA"]),
        },
        coords={"muscle": ["TA", "S$O_{"]},
    )
    signals = emg.sel(muscle=["TA", "S$O_{"])
    html = render_report(
        {"LowPass": made_up_estimate(emg, history=False)}, title="t", emg=emg, quality=quality, signals=signals
    )
    rows = re.findall(r"<tr><td>(TA|S\$O_{|GM)</td>(.*?)</tr>", html)
    cells = {muscle: re.findall(r'<td class="number">([^<]*)</td>', row) for muscle, row in rows}
    assert cells["TA"][:5] == ["21.3", "7.1 %", "1.6 %", "0.0 %", "0.31 (&lt;SOL&gt;)"]
    assert cells["S$O_{"][:5] == ["-", "20.0 %", "30.0 %", "0.1 %", "0.31 (TA)"]
    assert cells["GM"][:5] == ["-"] * 5
    assert "as it was recorded, beside the shares that tell its quality" in html


@pytest.mark.usefixtures("undrawn")
def test_the_page_names_the_hyperparameters_of_the_best_member():
    emg, _ = made_up_emg()
    estimate = made_up_estimate(emg)
    member = estimate["search_member"].values
    estimate["search_learning_rate"] = ("search_row", np.where(member == 1, 0.0123, 0.004))
    html = render_report({"AutoLFADS": estimate}, title="t")
    row = re.search(r"<tr><td>learning rate</td>(.*?)</tr>", html).group(1)
    # Member 1 ends lowest; chosen, then the lowest and the highest at the start.
    assert re.findall(r'<td class="number">([^<]*)</td>', row) == ["0.0123", "0.004", "0.0123"]


@pytest.mark.usefixtures("undrawn")
def test_a_section_that_is_registered_is_on_the_page_and_in_its_contents(monkeypatch):
    emg, _ = made_up_emg()

    def show(page):
        return [{"heading": "Of <all>", "citations": [f"{len(page.estimates)} & more"]}] if page.emg is not None else []

    toy = sections.Section("toy", "cite", show, "Toy")
    monkeypatch.setattr("nwb_autolfads.report.page.sections", lambda: [*sections.sections(), toy])
    estimates = {"LowPass": made_up_estimate(emg, history=False)}
    html = render_report(estimates, title="t", emg=emg)
    assert '<a href="#toy">Toy</a>' in html
    assert '<h2 id="toy">Of &lt;all&gt;</h2>' in html
    assert "<li>1 &amp; more</li>" in html
    assert "#toy" not in render_report(estimates, title="t")


def test_comparisons_name_estimates_in_the_order_of_the_page():
    scores = xr.Dataset({"r2": ("estimator", [0.1, 0.2, 0.3])}, coords={"estimator": ["AutoLFADS", "Bayes", "Gone"]})
    ordered = in_order_of({"LowPass": None, "Bayes": None, "AutoLFADS": None}, scores)
    assert ordered["estimator"].values.tolist() == ["Bayes", "AutoLFADS", "Gone"]
    assert ordered["r2"].values.tolist() == [0.2, 0.1, 0.3]


def test_of_a_file_on_this_machine_the_page_shows_the_name_and_of_an_address_all():
    emg, _ = made_up_emg()
    for file, shown in (("/home/me/secret/walk.nwb", "walk.nwb"), ("dandi://000941/a.nwb", "dandi://000941/a.nwb")):
        estimate = made_up_estimate(emg, history=False).assign_attrs(origin=json.dumps({"file": file}))
        assert origin_of(estimate) == {"file": shown, "object_path": "", "file_identifier": "", "object_id": ""}


@pytest.mark.usefixtures("undrawn")
def test_an_estimate_that_does_not_say_where_it_is_from_makes_a_page():
    emg, _ = made_up_emg()
    estimate = made_up_estimate(emg, history=False)
    del estimate.attrs["origin"]
    assert "identifier of the file" not in render_report({"LowPass": estimate}, title="t")


def test_busiest_excerpt_finds_the_burst():
    emg, _ = made_up_emg()
    quiet = emg.copy(data=np.full(emg.shape, 0.1, dtype=np.float32))
    quiet[2000:2250] += np.sin(np.linspace(0, 20, 250, dtype=np.float32))[:, None]
    start, stop = busiest_excerpt(quiet, 1.0)
    assert start <= 4.0
    assert stop >= 4.49
    assert stop - start == pytest.approx(1.0, abs=2 / RATE)


def test_busiest_excerpt_of_a_silent_recording_is_its_start():
    emg, _ = made_up_emg()
    assert busiest_excerpt(emg * np.nan, 1.0) == (0.0, 1.0)
    assert busiest_excerpt(emg, 100.0) == (0.0, float(emg["time"][-1]))


def test_activation_is_drawn_in_the_units_of_the_recording_and_broken_at_gaps():
    emg, truth = made_up_emg()
    figure = plot_activation({"AutoLFADS": made_up_estimate(emg)}, emg=emg, truth=truth)
    assert [axis.get_ylabel() for axis in figure.axes] == ["TA\n(µV)", "SOL\n(µV)"]  # GM was left out
    assert figure.axes[-1].get_xlabel() == "time (s, session clock)"
    line = next(line for line in figure.axes[0].lines if line.get_label() == "AutoLFADS")
    drawn = line.get_ydata()
    gap = int(np.flatnonzero(np.diff(emg["segment"].values))[0]) + 1
    assert np.flatnonzero(np.isnan(drawn)).tolist() == [gap]
    np.testing.assert_allclose(np.delete(drawn, gap), emg.values[:, 0] * 20, rtol=1e-5)


def test_truth_is_brought_to_the_scale_of_the_estimate():
    emg, truth = made_up_emg()
    estimate = made_up_estimate(emg)
    figure = plot_activation({"a": estimate}, truth=truth * 40 + 7)
    line = next(line for line in figure.axes[0].lines if line.get_label() == "truth, scaled")
    a, b = np.polyfit(truth.values[:, 0], emg.values[:, 0], 1)
    expected = (a * truth.values[:, 0] + b) * 20
    shown = np.isfinite(line.get_ydata())
    np.testing.assert_allclose(line.get_ydata()[shown], expected, rtol=1e-4)


def test_search_figure_has_a_line_per_member_and_marks_the_best():
    emg, _ = made_up_emg()
    figure = plot_search(made_up_estimate(emg))
    labelled = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert len(figure.axes[0].lines) == 2
    np.testing.assert_allclose(labelled["best member"], 1.0 / (2 + np.arange(5)))


def test_score_figure_has_a_marker_per_estimate_and_muscle():
    emg, truth = made_up_emg()
    scores = score_against_truth({"a": made_up_estimate(emg), "b": made_up_estimate(emg)}, truth)
    figure = plot_scores(scores)
    assert isinstance(figure, Figure)
    for line, name in zip(figure.axes[0].lines, ("a", "b"), strict=True):
        assert line.get_label() == name
        np.testing.assert_allclose(line.get_ydata(), scores["r2"].sel(estimator=name).values)


def test_the_band_is_that_of_the_trained_estimate_which_lies_over_the_others_and_hides_none():
    emg, _ = made_up_emg()
    plain = made_up_estimate(emg, "LowPass", history=False)
    spread = xr.full_like(plain["activation"], 0.5)
    factors = (("time", "factor"), np.zeros((emg.sizes["time"], 1)))
    trained = made_up_estimate(emg).assign(activation_std=spread, factors=factors)
    filtered = plain.assign(activation_std=spread)
    estimates = {"AutoLFADS": trained, "BayesianFilter": filtered, "LowPass": plain}
    assert with_band(estimates) == "AutoLFADS"
    assert with_band({"BayesianFilter": filtered, "LowPass": plain}) == "BayesianFilter"
    assert with_band({"LowPass": plain}) == ""
    axis = plot_activation(estimates).axes[0]
    lines = axis.get_lines()
    assert [line.get_label() for line in lines][-1] == "AutoLFADS"
    assert all(np.diff([line.get_linewidth() for line in lines]) < 0)
    (band,) = axis.collections
    edges = band.get_paths()[0].vertices
    middle = lines[-1].get_ydata()[0]
    at_start = edges[edges[:, 0] == lines[-1].get_xdata()[0], 1]
    assert at_start.max() == pytest.approx(middle + norm.ppf(0.95) * 0.5 * 20, rel=1e-3)
    assert at_start.min() == pytest.approx(max(middle - norm.ppf(0.95) * 0.5 * 20, 0), rel=1e-3, abs=1e-9)


def test_of_many_factors_the_four_that_vary_most_are_drawn_in_their_order():
    emg, _ = made_up_emg(("TA",))
    n = emg.sizes["time"]
    sizes = np.array([1.0, 6.0, 2.0, 5.0, 3.0, 4.0])
    values = sizes * np.random.default_rng(0).normal(size=(n, 6))
    estimate = made_up_estimate(emg).assign(factors=(("time", "factor"), values))
    axes = plot_latents(estimate, "factors").axes
    assert [axis.get_ylabel() for axis in axes] == ["2", "4", "6", "5"]
    drawn = axes[0].get_lines()[0].get_ydata()
    np.testing.assert_array_equal(drawn[np.isfinite(drawn)], values[:, 1])
