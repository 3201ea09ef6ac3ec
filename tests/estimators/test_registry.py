"""Estimators are known in one place: what an entry says is true, and one entry makes an estimator take part."""

import ast
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from builders import file_with_2d_series, raw_emg
from messages import assert_refused

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.commands.run import make_estimators
from nwb_autolfads.config import RunOptions, RunSettings, read_settings
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.base import Estimator

PACKAGE = Path(nal.__file__).parent


def made(options, **settings):
    return make_estimators(registry.chosen(options.estimator), options, RunSettings(**settings))


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_an_entry_says_what_its_class_can_do(entry):
    kind = entry.load()
    assert kind.name == entry.name
    assert getattr(nal, entry.name) is kind
    assert entry.can.predicts_hidden == (kind.predict_hidden is not Estimator.predict_hidden)
    assert entry.can.saves_model == (kind.to_bytes is not Estimator.to_bytes)
    assert entry.summary
    assert entry.principle


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_what_an_estimator_cannot_do_is_said(entry):
    estimator = entry.load()()
    if not entry.can.saves_model:
        with pytest.raises(ConfigError, match=f"^{entry.name} has no model that could be kept"):
            estimator.to_bytes()


def test_settings_change_the_preset_only_where_they_say_something():
    changes = {"factors": 7, "training": {"space": {"dropout": {"start": 0.2}}}}
    (estimator,) = made(RunOptions("autolfads", "paper"), autolfads=changes)
    changed, preset = estimator.settings.model_dump(), AutoLFADSConfig.preset("paper").model_dump()
    assert changed["factors"] == 7
    assert changed["training"]["space"]["dropout"]["start"] == 0.2
    changed["factors"] = preset["factors"]
    changed["training"]["space"]["dropout"]["start"] = preset["training"]["space"]["dropout"]["start"]
    assert changed == preset


@pytest.mark.parametrize(
    ("option", "lacks"),
    [
        ("save_model", "no model that could be kept"),
        ("weights", "no model that could be kept"),
        ("resume", "no training"),
        ("minutes", "no training"),
        ("trials", "no use for trials"),
    ],
)
def test_option_of_what_the_estimator_cannot_do_is_refused(option, lacks):
    with pytest.raises(ConfigError) as caught:
        made(RunOptions("lowpass", **{option: True}))
    assert str(caught.value) == f"lowpass has {lacks}. Leave out --{option.replace('_', '-')}"


@pytest.mark.parametrize(
    ("given", "problem", "way_out"),
    [
        ({"factor": 7}, "there is no setting autolfads.factor", "Did you mean factors? docs/settings.md lists all"),
        (
            {"training": {"space": {"dropout": {"start": 2}}}},
            "training.space.dropout: start 2.0 must lie in 0.0..0.6",
            "See docs/settings.md",
        ),
        (
            {"training": {"burn_in_epochs": 1}},
            "training: burn_in_epochs 1 must reach the end of the ramp at epoch 8: "
            "scores along a ramp say little about its end",
            "See docs/settings.md",
        ),
    ],
)
def test_setting_that_cannot_be_is_named(given, problem, way_out):
    with assert_refused(ConfigError, f"autolfads: {problem}", way_out):
        made(RunOptions("autolfads"), autolfads=given)


def test_the_smoother_is_what_the_command_line_makes_unless_the_filter_is_asked_for():
    (smoother,), (causal,) = made(RunOptions("bayes")), made(RunOptions("bayes"), bayes={"smooth": False})
    assert (smoother.smooth, causal.smooth) == (True, False)


def test_all_makes_the_estimators_that_a_comparison_needs():
    assert [each.name for each in made(RunOptions("all"))] == [
        "LowPass",
        "WienerSmoother",
        "BayesianFilter",
        "AutoLFADS",
    ]


def test_a_key_or_a_name_is_taken_once():
    for taken in (registry.Entry("lowpass", "Other", "", ""), registry.Entry("all", "Other", "", "")):
        problem = f"estimator: the key {taken.key!r} or the name 'Other' is taken"
        with assert_refused(ConfigError, problem, "Give it others"):
            registry.register(taken)


class Halved(Estimator):
    """Half of the rectified EMG."""

    name = "Halved"

    def __init__(self, share=0.5):
        self.share = share

    @property
    def config(self):
        return {"share": self.share}

    def fit(self, emg):
        return self

    def estimate(self, emg):
        return self._dataset(emg, {"activation": self.share * emg.values})


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    entry = registry.Entry("halved", "Halved", f"{__name__}:Halved", "half of the EMG", "halves what it is given")
    registry.register(entry)


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert not ended.value.code


def test_a_toy_estimator_takes_part_everywhere_by_one_entry(toy, tmp_path, undrawn):
    session = file_with_2d_series(tmp_path / "walk.nwb", raw_emg(4000), comments="columns: TA, SOL, GM")
    settings = tmp_path / "settings.yaml"
    settings.write_text("halved:\n  share: 0.25\n")
    assert read_settings(settings).estimators == {"halved": {"share": 0.25}}
    run("run", session, "--estimator", "halved", "--config", settings)
    result = tmp_path / "walk_activation.nwb"
    estimate = nal.read_activation(result, "Halved")
    emg = nal.preprocess(nal.open_emg(session))
    np.testing.assert_allclose(estimate["activation"], 0.25 * emg, rtol=1e-6)
    asked = json.loads(estimate.attrs["options"])
    assert asked["settings"] == {"halved": {"share": 0.25}}

    run("compare", result, "--csv", tmp_path / "scores.csv")
    rows = list(csv.DictReader((tmp_path / "scores.csv").open(encoding="utf-8")))
    assert "Halved" in {row["estimator"] for row in rows if row["compared_with"] == "response"}
    run("report", result)
    page = result.with_suffix(".html").read_text(encoding="utf-8")
    assert "halves what it is given" in page
    assert "--estimator halved" in page


def test_an_estimator_is_named_nowhere_but_in_its_file_and_the_registry():
    names = {entry.name for entry in registry.entries()}
    modules = [entry.where.partition(":")[0].partition(".")[2] for entry in registry.entries()]
    homes = {f"{module.replace('.', '/')}.py" for module in modules}
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place in {"__init__.py", "estimators/registry.py"} | homes or place.startswith("estimators/autolfads/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                found.append(f"{place}:{node.lineno} {node.value}")
    assert found == []
