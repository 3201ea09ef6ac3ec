"""Scores of estimates go into the file as rows and come back as what they were."""

import json
import shutil
from pathlib import Path

import numpy as np
import pynwb
import pytest
import xarray as xr
from messages import assert_refused
from nwb_examples import make_emg, make_estimate, tree, write_session
from pynwb import NWBHDF5IO

from nwb_autolfads.errors import OutputError, SourceError
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.results.comparison import read_comparison, write_comparison, write_comparisons
from nwb_autolfads.results.read import list_estimates
from nwb_autolfads.results.write import write_activation

OURS = ("/processing/behavior/cortex", "/specifications")


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    source = write_session(tmp_path_factory.mktemp("session") / "session.nwb")
    return write_activation(make_estimate(make_emg()), source)


@pytest.fixture
def result(written_once, tmp_path):
    return Path(shutil.copy(written_once, tmp_path))


def scores():
    rng = np.random.default_rng(0)
    values = rng.uniform(size=(2, 3, 4))
    values[1, 2, 3] = np.nan
    return xr.Dataset(
        {
            "r2": (("estimator", "muscle", "fold"), values),
            "r2_n": (("estimator", "muscle", "fold"), rng.integers(100, 200, (2, 3, 4))),
            "r2_by_lag": (("estimator", "target", "lag"), rng.uniform(size=(2, 2, 3))),
            "delay": (("estimator",), [0.01, 0.02], {"units": "s"}),
        },
        coords={
            "estimator": ["LowPass", "AutoLFADS"],
            "muscle": ["TA", "SOL", "VL"],
            "fold": np.arange(4),
            "target": ["knee", "ankle"],
            "lag": [-0.05, 0.0, 0.05],
        },
        attrs={"config": json.dumps({"folds": 4}), "version": "0.1.0"},
    )


def test_one_score_alone_comes_back(result):
    alone = scores()[["delay"]].isel(estimator=[0])
    write_comparison(alone, result, name="cortex", description="Cortex -> activation.")
    xr.testing.assert_identical(read_comparison(result), alone)


def test_scores_come_back_with_their_dimensions_order_units_and_settings(result):
    path = write_comparison(scores(), result, name="cortex", description="Cortex -> activation.")
    assert pynwb.validate(path=str(path)) == []
    xr.testing.assert_identical(read_comparison(result), scores())


def test_every_score_is_a_row_that_plain_pynwb_shows(result):
    write_comparison(scores(), result)
    with NWBHDF5IO(result, "r") as io:
        rows = io.read().processing["behavior"]["comparison"].to_dataframe()
    assert len(rows) == 2 * 3 * 4 + 2 * 2 * 3 + 2
    one = rows.query("estimator == 'AutoLFADS' and score_name == 'r2' and muscle == 'SOL' and fold == 2").iloc[0]
    expected = scores().sel(estimator="AutoLFADS", muscle="SOL", fold=2)
    assert (one["score"], one["n"], one["target"]) == (expected["r2"], expected["r2_n"], "")
    assert np.isnan(one["lag"])
    assert (
        rows.query("score_name == 'delay'")[["unit", "muscle", "fold", "n"]].values.tolist() == [["s", "", -1, -1]] * 2
    )


def test_scores_against_truth_find_their_place(result):
    emg = make_emg()
    estimate = make_estimate(emg)
    truth = xr.DataArray(emg.values, dims=("time", "muscle"), coords={key: emg[key] for key in ("time", "muscle")})
    found = score_against_truth({"AutoLFADS": estimate}, truth, max_lag=0.004)
    write_comparison(found, result, name="truth")
    xr.testing.assert_identical(read_comparison(result, "truth").drop_attrs(deep=False), found)


def test_nothing_else_changes_and_replacing_does_not_let_the_file_grow(result):
    before = tree(result, OURS)
    write_comparison(scores(), result, name="cortex")
    size = result.stat().st_size
    for _ in range(3):
        write_comparison(scores(), result, name="cortex", overwrite=True)
    assert tree(result, OURS) == before
    assert result.stat().st_size < 1.01 * size
    assert list_estimates(result) == ["AutoLFADS"]


def test_names_that_are_taken_and_scores_without_a_place_are_refused(result):
    write_comparison(scores(), result)
    with assert_refused(
        OutputError,
        "session_activation.nwb, processing/behavior/comparison: the name is in the file already",
        "Choose another name, or overwrite.",
    ):
        write_comparison(scores(), result)
    with assert_refused(
        OutputError,
        "session_activation.nwb, processing/behavior/AutoLFADS: the name is taken by a ActivationEstimate",
        "Choose another name.",
    ):
        write_comparison(scores(), result, name="AutoLFADS", overwrite=True)
    with assert_refused(
        OutputError,
        "comparison: score 'r2' has dimensions ('estimator', 'unit'), for which there is no place in the table",
        (
            "It must have 'estimator' and may have others of ['estimator', 'muscle', 'target', 'fold', "
            "'lag'], each with its coordinate."
        ),
    ):
        write_comparison(xr.Dataset({"r2": (("estimator", "unit"), np.ones((1, 1)))}), result, name="other")
    named = xr.Dataset({"r2": (("estimator", "unit"), np.ones((1, 1)))}, {"estimator": ["LowPass"], "unit": ["u0"]})
    with assert_refused(
        OutputError,
        "comparison: score 'r2' has dimensions ('estimator', 'unit'), for which there is no place in the table",
        (
            "It must have 'estimator' and may have others of ['estimator', 'muscle', 'target', 'fold', "
            "'lag'], each with its coordinate."
        ),
    ):
        write_comparison(named, result, name="other")
    with assert_refused(
        OutputError,
        "comparison: score 'r2' has dimensions ('estimator', 'muscle'), for which there is no place in the table",
        (
            "It must have 'estimator' and may have others of ['estimator', 'muscle', 'target', 'fold', "
            "'lag'], each with its coordinate."
        ),
    ):
        write_comparison(scores()[["r2"]].isel(fold=0).drop_vars("muscle"), result, name="other")
    with assert_refused(OutputError, "comparison: the comparison has no score", "Compare at least one estimate."):
        write_comparison(xr.Dataset(), result, name="other")
    with assert_refused(
        SourceError,
        "session_activation.nwb, processing/behavior: no comparison is called 'other'",
        "In the file there are comparison.",
    ):
        read_comparison(result, "other")


def test_several_are_written_together_or_not_at_all(result):
    both = {name: scores().assign_attrs(description=name) for name in ("cortex", "force")}
    write_comparisons(both, result)
    for name in both:
        xr.testing.assert_identical(read_comparison(result, name), scores())
    before = result.read_bytes()
    with assert_refused(
        OutputError,
        "session_activation.nwb, processing/behavior/force: the name is in the file already",
        "Choose another name, or overwrite.",
    ):
        write_comparisons({"new": both["cortex"], "force": both["force"]}, result)
    assert result.read_bytes() == before
    write_comparisons(both | {"new": both["cortex"]}, result, overwrite=True)
    xr.testing.assert_identical(read_comparison(result, "new"), scores())
