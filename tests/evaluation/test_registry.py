"""One entry in the registry makes a score: it is compared, printed, written in every format and shown on the page."""

import csv
import dataclasses
import inspect
import json

import numpy as np
import pytest
import xarray as xr
from builders import file_with_2d_series, raw_emg
from messages import assert_refused

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.errors import OutputError, SignalError
from nwb_autolfads.evaluation import registry
from nwb_autolfads.evaluation.compare import compare_file
from nwb_autolfads.evaluation.export import write_netcdf
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.evaluation.scores.behavior import score_against_behavior
from nwb_autolfads.evaluation.scores.cortex import score_against_cortex
from nwb_autolfads.evaluation.session import Asked
from nwb_autolfads.results.comparison import read_comparison


def steadiness(session):
    """Mean over standard deviation of each muscle's activation."""
    names = list(session.estimates)
    activation = [session.estimates[name]["activation"] for name in names]
    ratio = np.stack([(each.mean("time") / each.std("time")).values for each in activation]).astype(float)
    coords = {"estimator": names, "muscle": activation[0]["muscle"].values}
    config = json.dumps({"compared_with": "nothing"})
    attrs = {"config": config, "notes": json.dumps(["steadiness is a toy"]), "n_days": 3}
    return xr.Dataset({"steadiness": (("estimator", "muscle"), ratio)}, coords=coords, attrs=attrs)


TOY = Score(
    key="steady",
    compare=steadiness,
    title="Steadiness: mean over standard deviation",
    columns=("estimate", "steadiness of <all>"),
    rows=lambda scores: [(str(one["estimator"].item()), f"{float(one.mean()):.3f}") for one in scores["steadiness"]],
    description="How steady estimates are.",
    contents="Steady",
    heading="How steady it is",
    explanation="Counted over {n_days} days; <more> is steadier.",
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    session = file_with_2d_series(folder / "emg.nwb", raw_emg(4000), comments="columns: TA, SOL, GM")
    with nal.open_emg(session) as recording:
        emg = nal.preprocess(recording)
    return nal.write_activation(nal.LowPass(20.0).fit(emg).estimate(emg), session, folder / "out.nwb")


@pytest.mark.usefixtures("undrawn")
def test_a_score_that_is_registered_is_printed_written_and_shown(result, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(registry, "SCORES", (*registry.SCORES, TOY))
    activation = nal.read_activation(result)["activation"].astype(float)
    expected = (activation.mean("time") / activation.std("time")).values
    table, page = tmp_path / "scores.csv", tmp_path / "page.html"
    outputs = ["--csv", str(table), "--netcdf", str(tmp_path / "nc"), "--write"]
    for command in (["compare", str(result), *outputs, "--json"], ["report", str(result), "--out", str(page)]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        if command[0] == "compare":
            assert "Steadiness: mean over standard deviation" in printed.err
            assert f"{expected.mean():.3f}" in printed.err
            assert "note: steadiness is a toy" in printed.err
            in_json = json.loads(printed.out)["steady"]["scores"]
    np.testing.assert_allclose([row["value"] for row in in_json], expected, rtol=1e-5)
    with table.open(encoding="utf-8") as stream:
        in_csv = [float(row["value"]) for row in csv.DictReader(stream) if row["compared_with"] == "steady"]
    np.testing.assert_allclose(in_csv, expected, rtol=1e-5)
    with xr.open_dataset(tmp_path / "nc" / "steady.nc") as opened:
        np.testing.assert_allclose(opened["steadiness"].values[0], expected, rtol=1e-5)
    stored = read_comparison(result, "steady_comparison")
    np.testing.assert_allclose(stored["steadiness"].values[0], expected, rtol=1e-5)
    html = page.read_text(encoding="utf-8")
    assert '<a href="#steady">Steady</a>' in html
    assert '<h2 id="steady">How steady it is</h2>' in html
    assert "Counted over 3 days; &lt;more&gt; is steadier." in html
    assert f'<td class="number">{expected.mean():.3f}</td>' in html


def test_what_a_score_lacks_is_said_unless_its_source_was_named(result, monkeypatch):
    def fail(session):
        raise SignalError("no counts here", way_out="Give others")

    named = dataclasses.replace(TOY, compare=fail, asked_by="counts")
    monkeypatch.setattr(registry, "SCORES", (named,))
    assert compare_file(result).missing == {"steady": "no counts here"}
    with assert_refused(SignalError, "no counts here", "Give others"):
        compare_file(result, counts="processing/ecephys/counts")


def test_every_score_has_a_key_heading_and_explanation_of_its_own():
    for part in ("key", "title", "contents", "heading", "explanation"):
        values = [getattr(score, part) for score in registry.SCORES]
        assert all(values)
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("score", [score_against_cortex, score_against_behavior])
def test_what_the_command_does_not_ask_for_is_scored_as_in_python(score):
    in_python = inspect.signature(score).parameters
    for name in ("bin_width", "n_folds", "n_shuffles", "seed"):
        assert getattr(Asked(), name) == in_python[name].default, name


def test_netcdf_that_exists_is_replaced_only_where_that_was_asked_for(tmp_path):
    first, second = (xr.Dataset({"r2": ("muscle", [value])}) for value in (0.5, 0.7))
    (file,) = write_netcdf({"cortex": first}, tmp_path)
    with assert_refused(
        OutputError, "cortex.nc: exists already", "Choose another name, or --overwrite it (in Python: overwrite=True)"
    ):
        write_netcdf({"cortex": second}, tmp_path)
    assert float(xr.load_dataset(file)["r2"][0]) == 0.5
    write_netcdf({"cortex": second}, tmp_path, overwrite=True)
    assert float(xr.load_dataset(file)["r2"][0]) == 0.7
