"""The commands as functions do what the command line does, and what they leave shows itself."""

import inspect
import logging
import pickle
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg
from messages import assert_refused

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.commands.python.progress import training_progress
from nwb_autolfads.report.verdict import Finding, Verdict


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return file_with_2d_series(tmp_path_factory.mktemp("api") / "session.nwb", raw_emg(4000) * 1e-3)


@pytest.fixture(scope="module")
def result(recording):
    return nal.run(recording, estimator="lowpass")


def test_run_writes_what_the_command_writes(recording, result, tmp_path, capsys):
    assert result.file == recording.with_name("session_activation.nwb")
    assert not any(capsys.readouterr())  # a library prints nothing
    with pytest.raises(SystemExit) as ended:
        main(["run", str(recording), "--estimator", "lowpass", "--out", str(tmp_path / "b.nwb")])
    assert not ended.value.code
    mine, other = nal.read_activation(result.file), nal.read_activation(tmp_path / "b.nwb")
    xr.testing.assert_identical(mine, other)
    np.testing.assert_array_equal(result["LowPass"]["activation"].values, mine["activation"].values)


def test_settings_and_options_reach_the_estimator(recording, tmp_path):
    settings = {"lowpass": {"cutoff": 5.0}, "preprocessing": {"analysis_rate_hz": 250.0}}
    of_filter = {"estimator": "lowpass", "muscles": ["a", "b", "c"]}
    found = nal.run(recording, tmp_path / "a.nwb", settings=settings, name="Slow", **of_filter)
    assert list(found.estimates) == ["Slow"]
    assert found.emg.attrs["rate"] == 250.0
    assert found.emg["muscle"].values.tolist() == ["a", "b", "c"]
    (tmp_path / "same.yaml").write_text("lowpass: {cutoff: 5.0}\npreprocessing: {analysis_rate_hz: 250.0}\n")
    same = nal.run(recording, str(tmp_path / "b.nwb"), settings=tmp_path / "same.yaml", **of_filter)
    np.testing.assert_array_equal(found["Slow"]["activation"].values, same["LowPass"]["activation"].values)


@pytest.mark.parametrize(
    ("call", "error", "problem", "way_out"),
    [
        (
            lambda file: nal.run(file, estimater="bayes"),
            nal.ConfigError,
            "run: there is no setting estimater",
            "Did you mean estimator? docs/settings.md lists all",
        ),
        (
            lambda file: nal.run(file, seed="one"),
            nal.ConfigError,
            "run: seed is 'one'",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            lambda file: nal.run(np.ones(3)),
            nal.SourceError,
            "ndarray is no path or address of a recording",
            "Give one, or use nal.open_emg and nal.preprocess, which take objects",
        ),
        (
            lambda file: nal.run(file, "out.nwb", in_place=True),
            nal.ConfigError,
            "out and in_place exclude each other",
            "Leave one out",
        ),
        (lambda file: nal.report(3), nal.ConfigError, "3 is no path", "Give a str or a pathlib.Path"),
        (
            lambda file: nal.run_many([file], "out", jobs=0),
            nal.ConfigError,
            "run_many: jobs is 0",
            "Give a whole number from 1",
        ),
        (lambda file: nal.run("none.nwb"), nal.MissingFileError, "none.nwb: there is no such file", "Check the path"),
    ],
)
def test_what_is_wrong_is_refused_by_an_error_of_the_package(recording, call, error, problem, way_out):
    with assert_refused(error, problem, way_out):
        call(recording)


def test_what_was_done_is_logged_under_the_name_of_the_package(recording, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "nwb_autolfads"):
        nal.run(recording, tmp_path / "a.nwb", estimator="lowpass")
    assert f"Wrote LowPass to {tmp_path / 'a.nwb'}" in caplog.messages
    assert {record.name for record in caplog.records} == {"nwb_autolfads"}


def test_many_recordings_are_run_into_a_folder(recording, tmp_path, undrawn):
    found = nal.run_many([recording, tmp_path / "none.nwb"], tmp_path / "out", estimator="lowpass")
    assert [row.status for row in found.rows] == ["done", "failed"]
    with pytest.raises(nal.SourceError, match="1 of 2 failed"):
        found.require_all()


def test_inspect_and_report_answer_like_their_commands(recording, result, tmp_path, undrawn):
    overview = nal.inspect(recording)
    assert overview.contents.emg[0].candidate.path == "acquisition/EMG"
    assert overview.quality.sizes == {"muscle": 3}
    said = f"<Overview of {overview.contents.file}\n  EMG: acquisition/EMG\n  3 of 3 muscles are usable>"
    assert repr(overview) == said
    page = nal.report(result.file)
    assert page == result.file.with_suffix(".html")
    assert "LowPass" in page.read_text(encoding="utf-8")
    with pytest.raises(nal.OutputError, match="exists already"):
        nal.report(result.file)


def test_an_overview_shows_contents_and_quality_in_a_notebook_and_names_stay_names(recording):
    hostile = "<script>alert(1)</script>"
    overview = nal.inspect(recording)
    muscles = overview.quality["muscle"].values.tolist()
    quality = overview.quality.assign_coords(muscle=[hostile, *muscles[1:]])
    shown = replace(overview, quality=quality, assumptions=(hostile, "x" * 5000), problem=hostile)
    page = Parsed(shown._repr_html_())
    assert "script" not in page.elements
    assert page.text.count(hostile) == 3
    assert "acquisition/EMG" in page.text
    assert all(name in page.text for name in ("usable", "cross-talk", *muscles[1:]))
    assert hostile in repr(shown)


def test_an_overview_of_a_hundred_thousand_things_stays_a_small_page(recording):
    overview = nal.inspect(recording)
    many = replace(overview.contents, emg=overview.contents.emg * 100_000, session_description="x" * 1_000_000)
    shown = replace(overview, contents=many, assumptions=("y" * 100_000,) * 1000)
    assert len(shown._repr_html_()) < 200_000
    assert "and 99936 more" in shown._repr_html_()
    assert len(repr(shown)) < 2000
    assert "and 99995 more" in repr(shown)


def test_the_room_of_the_report_and_its_function_share_a_name():
    import nwb_autolfads.report.figures

    assert callable(nal.report)
    assert nwb_autolfads.report.figures.plot_activation is nal.plot_activation


class Parsed(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.text = set(), [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_a_result_shows_verdict_quality_and_a_picture_and_names_stay_names(result):
    hostile = "<script>alert(1)</script>"
    verdict = Verdict("LowPass", f"Good {hostile}", (Finding(True, "It follows."), Finding(False, hostile)))
    emg = result.emg.assign_coords(muscle=[hostile, "b", "c"], usable=("muscle", [True, True, False]))
    shown = type(result)(result.file, {hostile: result["LowPass"].assign_coords(emg.coords)}, emg, (hostile,), verdict)
    page = Parsed(shown._repr_html_())
    assert "script" not in page.elements
    assert page.text.count(hostile) == 4
    assert "2 of 3 muscles are usable; not c" in page.text
    assert "against it: " in page.text
    (picture,) = [value for name, value in page.attributes if name == "src"]
    assert picture.startswith("data:image/png;base64,")
    assert len(picture) > 10_000
    assert "2 of 3 muscles are usable" in repr(shown)
    assert verdict.headline in repr(shown)


def test_a_plot_shows_the_muscles_and_the_excerpt_that_are_asked_for(result):
    muscles = result.emg["muscle"].values.tolist()
    figure = result.plot(muscles[1:2], start=1.0, stop=2.0)
    (axis,) = figure.axes
    times = np.concatenate([line.get_xdata() for line in axis.get_lines()])
    assert 1.0 <= times.min() < times.max() <= 2.0
    assert len(result.plot().axes) == 3
    with assert_refused(nal.ConfigError, "no muscle is called 'none'", f"There are {', '.join(muscles)}"):
        result.plot(["none"])


def test_a_result_can_be_pickled(result):
    again = pickle.loads(pickle.dumps(result))
    xr.testing.assert_identical(again["LowPass"], result["LowPass"])
    assert (again.file, again.verdict, again.assumptions) == (result.file, result.verdict, result.assumptions)


def test_every_option_of_the_command_is_an_argument_or_a_field():
    from dataclasses import fields

    import typer

    from nwb_autolfads.cli.app import app
    from nwb_autolfads.commands.apply import Use
    from nwb_autolfads.config import RunOptions, SessionSettings

    renamed = {"config": "settings", "subject": "subject_id", "session_start": "start"}
    elsewhere = {"files", "as_json", "debug", "together"}
    for name, calls, kind in (("run", (nal.run, nal.run_many), RunOptions), ("apply", (nal.apply,), Use)):
        known = {each.name for each in fields(kind)} | set(SessionSettings.model_fields)
        known |= {argument for call in calls for argument in inspect.signature(call).parameters}
        options = {each.name for each in typer.main.get_command(app).commands[name].params} - elsewhere
        assert {renamed.get(option, option) for option in options} <= known, name


def test_progress_is_lines_where_nobody_looks_and_only_the_command_line_asks_for_them():
    with training_progress(lines=False) as show:
        assert show is None
    with training_progress() as show:
        assert callable(show)
