"""The views in a notebook: figures hold the values of the file, and names in them stay text."""

import numpy as np
import pytest
from messages import assert_refused
from viewer_examples import HOSTILE, HOSTILE_KIND, MUSCLES, TRIALS, estimated_session

import nwb_autolfads as nal
from nwb_autolfads.errors import ConfigError, SignalError

pytest.importorskip("plotly", reason="the extra `viewer` is not installed")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return estimated_session(tmp_path_factory.mktemp("viewer"))


@pytest.fixture(scope="module")
def views(result):
    with nal.view(result) as opened:
        yield opened


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_a_stretch_shows_every_sample_where_it_is_short(views, result):
    estimate = nal.read_activation(result, "LowPass").sel(time=slice(4.0, 5.999))
    expected = (estimate["activation"] * estimate["scale"]).sel(muscle="GM").values * 1e6
    figure = views.stretch(4.0, 6.0, muscles=["GM"], estimates=["LowPass"])
    (line,) = traces(figure, "LowPass")
    np.testing.assert_allclose(np.asarray(line.y)[::2], expected, rtol=1e-5)
    assert np.ptp(line.x) == pytest.approx(2.0, abs=0.01)


def test_a_long_stretch_keeps_the_lowest_and_highest(views, result):
    estimate = nal.read_activation(result, "LowPass")
    expected = (estimate["activation"] * estimate["scale"]).sel(muscle="TA").values * 1e6
    (line,) = traces(views.stretch(0.0, 30.0, muscles=["TA"], estimates=["LowPass"]), "LowPass")
    assert (np.min(line.y), np.max(line.y)) == pytest.approx((expected.min(), expected.max()), rel=1e-5)
    assert len(line.x) < 3000


def test_a_stretch_shows_every_spike(views):
    figure = views.stretch(3.0, 4.0)
    (raster,) = (trace for trace in figure.data if trace.type == "heatmap")
    trains = views.session.signals["spikes"].trains.times
    expected = [np.count_nonzero((times >= 3.0) & (times < 4.0)) for times in trains]
    np.testing.assert_array_equal(np.asarray(raster.z).sum(axis=1), expected)


def test_trials_are_drawn_beside_their_average(views):
    figure = views.around("trials", "TA", before=0.5, after=1.0)
    (mean,) = traces(figure, "AutoLFADS")
    single = next(trace for trace in figure.data if trace.name is None)
    trials = np.asarray(single.y).reshape(len(TRIALS), -1)[:, :-1]
    np.testing.assert_allclose(np.asarray(mean.y), trials.mean(axis=0), rtol=1e-5)
    narrow = views.around("trials", "TA", narrow=True, estimates=["LowPass"])
    assert [trace.name for trace in narrow.data if trace.name] == ["LowPass"]


def test_factors_and_inputs_are_drawn_without_the_rest(views, result):
    estimate = nal.read_activation(result, "AutoLFADS").sel(time=slice(4.0, 4.999))
    figure = views.stretch(4.0, 5.0, groups=["factors", "inputs"])
    assert [figure.layout[name].title.text for name in ("yaxis", "yaxis2")] == [
        "factors of AutoLFADS<br>a.u.",
        "inferred inputs of AutoLFADS<br>a.u.",
    ]
    (line,) = traces(figure, "factor 3")
    np.testing.assert_allclose(np.asarray(line.y)[::2], estimate["factors"].values[:, 3], rtol=1e-6)


def test_several_kinds_of_events_have_lines_in_colours_and_a_legend(views, monkeypatch):
    monkeypatch.setitem(views.session.events, HOSTILE, np.array([4.5, 9.0, 99.0]))
    figure = views.stretch(4.0, 10.0, muscles=["TA"], events=["trials", HOSTILE])
    lines = {(shape.x0, shape.line.color) for shape in figure.layout.shapes}
    colours = {trace.name: trace.line.color for trace in figure.data if trace.showlegend}
    escaped = "&lt;img src=x onerror=document.title=&#x27;taken&#x27;&gt;"
    assert set(colours) == {"trials", escaped}
    assert lines == {(7.0, colours["trials"]), (4.5, colours[escaped]), (9.0, colours[escaped])}
    assert colours["trials"] != colours[escaped]


def test_names_of_a_file_are_no_markup_in_a_figure(views):
    text = views.stretch(0.0, 1.0).to_json() + views.around("trials", HOSTILE).to_json()
    assert "<img" not in text
    assert "\\u003cimg" not in text
    assert "&lt;img" in text


def test_names_of_estimates_are_no_markup_in_a_figure(views, monkeypatch):
    session = views.session
    monkeypatch.setitem(session.estimates, "<b>bold</b>", session.estimates["LowPass"])
    monkeypatch.setitem(session.signals, "activation/<b>bold</b>", session.signals["activation/LowPass"])
    figure = views.around("trials", "TA", estimates=["<b>bold</b>"])
    assert figure.layout.annotations[0].text == "&lt;b&gt;bold&lt;/b&gt;, 5 trials"
    assert [trace.name for trace in figure.data if trace.name] == ["&lt;b&gt;bold&lt;/b&gt;"]
    assert "<b>" not in views.stretch(0.0, 1.0, estimates=["<b>bold</b>"]).to_json().replace("<br>", "")


def test_moments_come_as_a_table(views):
    # AutoLFADS was made 1.2 times LowPass, everywhere: they differ by 0.2 of 1.1 on average.
    table = views.moments()
    assert list(table.columns) == ["time", "size", "muscle", "names"]
    assert set(table["muscle"]) <= set(MUSCLES)
    assert table["size"].is_monotonic_decreasing
    assert table["size"].median() > 0.2 / 1.1 * 0.9
    assert len(views.moments("LowPass")) > 3


def test_quality_is_that_of_the_recording(views, result):
    from nwb_autolfads.emg.quality import assess_quality

    with nal.open_emg(result, path="acquisition/EMG", muscles=MUSCLES) as recording:
        assert views.quality().identical(assess_quality(recording))


def test_it_says_what_is_in_it(views):
    assert repr(views).startswith("result.nwb: 0 to 30 s, muscles TA, ")
    assert repr(views).endswith(f"estimates AutoLFADS, LowPass; events trials, {HOSTILE_KIND}")


def test_a_muscle_or_a_stretch_that_is_not_there_is_refused(views):
    way_out = f"There are TA, {HOSTILE}, GM"
    with assert_refused(ConfigError, "no muscle is called 'XY'", way_out):
        views.stretch(0.0, 1.0, muscles=["XY"])
    with assert_refused(SignalError, "2 to 1 s is no stretch of time", "Give a stop after the start"):
        views.stretch(2.0, 1.0)
    way_out = f"Choose another one: TA, {HOSTILE}, GM"
    with assert_refused(ConfigError, "result.nwb: no events are called 'rewards'", f"There are trials, {HOSTILE_KIND}"):
        views.stretch(0.0, 1.0, events="rewards")
    with assert_refused(ConfigError, "no estimate is called 'XY'", "There are AutoLFADS, LowPass"):
        views.moments("XY")
    groups = "muscle, factors, inputs, spikes, movement"
    with assert_refused(SignalError, "result.nwb: nothing of it would be drawn", f"There are {groups}"):
        views.stretch(0.0, 1.0, groups=["force"])
    with assert_refused(SignalError, "XY: nothing that was chosen has this muscle", way_out):
        views.around("trials", "XY")
