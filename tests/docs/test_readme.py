"""The commands and the Python of README and docs run as they stand."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from nwb_autolfads import simulate_session
from nwb_autolfads.cli import main
from nwb_autolfads.commands.run import make_estimators
from nwb_autolfads.config import RunOptions, read_settings
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.autolfads.config import PRESETS

ROOT = Path(__file__).resolve().parents[2]
TINY_TRAINING = (
    "autolfads: {posterior_samples: 2, training: {max_epochs: 1, steps_per_epoch: 2, validation_windows: 2}}"
)


def blocks(page, language):
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def commands(page):
    lines = "".join(blocks(page, "sh")).splitlines()
    return [shlex.split(line) for line in lines if line.startswith("nwb-autolfads ")]


def call(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code, arguments


@pytest.mark.slow
def test_the_page_to_start_with_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (settings,) = blocks("docs/getting-started.md", "yaml")
    Path("settings.yaml").write_text(settings)
    for _, *arguments in commands("docs/getting-started.md"):
        call(arguments)
    assert Path("session_activation.html").is_file()


def test_the_commands_of_the_readme_run(validating, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=5.0)
    Path("tiny.yaml").write_text(TINY_TRAINING)
    for _, *arguments in commands("README.md"):
        # What the reader waits minutes for is trained for a moment here.
        call([*arguments, "--config", "tiny.yaml"] if "--preset" in arguments else arguments)
    assert Path("session_autolfads.html").is_file()


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=5.0)
    (code,) = blocks("README.md", "python")
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0


def test_the_settings_of_the_page_to_start_with_suit_every_estimator():
    from nwb_autolfads.config import RunSettings

    ruamel = pytest.importorskip("ruamel.yaml")
    (text,) = blocks("docs/getting-started.md", "yaml")
    settings = RunSettings.model_validate(ruamel.YAML(typ="safe").load(text))
    assert [estimator.name for estimator in make_estimators(registry.chosen("all"), RunOptions("all"), settings)] == [
        "LowPass",
        "WienerSmoother",
        "BayesianFilter",
        "AutoLFADS",
    ]


def test_links_and_pictures_of_the_pages_are_there():
    for page in ("README.md", "docs/index.md", "docs/getting-started.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), (page, target)


def test_the_picture_is_small_and_named_by_its_command():
    assert (ROOT / "docs" / "activation.png").stat().st_size < 300_000
    assert "make picture" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "docs/activation.png" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_python_and_the_settings_of_the_autolfads_page_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=9.0)
    short = {"members": 1, "max_epochs": 1, "steps_per_epoch": 1, "validation_windows": 2}
    quick = PRESETS["quick"]
    training = quick.training.model_copy(update=short)
    monkeypatch.setitem(PRESETS, "quick", quick.model_copy(update={"posterior_samples": 1, "training": training}))
    code, for_minutes, of_trials, of_lengths, of_counts = blocks("docs/autolfads.md", "python")
    names = {}
    exec(compile(code, "autolfads.md", "exec"), names)
    assert Path("model.safetensors").is_file()
    assert "minutes=30" in for_minutes
    exec(compile(for_minutes.replace("minutes=30", "minutes=0.001"), "autolfads.md", "exec"), names)
    assert names["estimator"].config["training"]["budget_s"] == pytest.approx(0.06)
    events = 0.2 + 0.55 * np.arange(14)
    of_one_trial = names | {"events": events}
    exec(compile(of_trials, "autolfads.md", "exec"), of_one_trial)
    assert of_one_trial["estimate"].sizes["time"] == 14 * 250
    of_own_length = names | {"starts": events, "stops": events + 0.2 + 0.01 * np.arange(14)}
    exec(compile(of_lengths, "autolfads.md", "exec"), of_own_length)
    assert np.ptp(np.bincount(of_own_length["trials"]["segment"])) > 50
    exec(compile(of_counts, "autolfads.md", "exec"), names)
    assert names["factors"].sizes["time"] == names["counts"].sizes["time"]
    variables = " ".join(re.findall(r"^\| (`.*?) \| ", (ROOT / "docs/autolfads.md").read_text(), re.MULTILINE))
    for variable in names["estimate"].data_vars:
        assert f"`{variable}`" in variables or variable.startswith("search_"), variable
    (settings,) = blocks("docs/autolfads.md", "yaml")
    Path("settings.yaml").write_text(settings)
    (estimator,) = make_estimators(
        registry.chosen("autolfads"), RunOptions("autolfads"), read_settings(Path("settings.yaml"))
    )
    assert estimator.settings.factors == 8
    assert estimator.settings.training.space.learning_rate.start == 0.002


def test_the_python_of_the_estimators_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=4.0)
    names = {}
    exec(compile(blocks("docs/estimators.md", "python")[0], "estimators.md", "exec"), names)
    assert {"activation", "activation_std"} <= set(names["estimate"].data_vars)
    assert list(names["scores"]["estimator"].values) == list(names["estimators"])


@pytest.mark.slow
def test_the_commands_of_the_page_on_many_files_run_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed, day in enumerate(("monday", "tuesday")):
        simulate_session(f"{day}.nwb", seed=seed, duration=5.0)
    Path("paths.txt").write_text("monday.nwb\ntuesday.nwb\n")
    said = []
    for _, *arguments in commands("docs/many-files.md"):
        call(arguments)
        said.append(capsys.readouterr().out)
    assert ["2 done, 0 done before, 0 failed" in each for each in said] == [True, False, True]
    assert "0 done, 2 done before, 0 failed" in said[1]
    assert {each.name for each in Path("results").glob("*.*")} >= {
        "overview.html",
        "overview.csv",
        "monday_activation.html",
    }


def test_the_python_of_its_own_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys, undrawn):
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=5.0)
    names = {}
    for code in blocks("docs/python.md", "python"):
        if "basicConfig" not in code:  # which would stay for the other tests
            exec(compile(code, "docs/python.md", "exec"), names)
    assert Path("session_bayes.html").is_file()
    assert names["bursts"].sizes["burst"] > 0
    assert names["average"].dims == ("from_event", "muscle")
