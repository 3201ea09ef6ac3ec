"""Every recipe that a page prints, run as it stands beside the recording, gives the numbers of the file again."""

import hashlib
import html
import json
import re
import shlex
import shutil

import h5py
import numpy as np
import pytest
import yaml
from builders import file_with_2d_series, raw_emg
from recipes import call, follow
from sources.test_neo import write_edf
from trial_sessions import session_of_trials

import nwb_autolfads as nal
from nwb_autolfads.evaluation import registry
from nwb_autolfads.results.asked import source_of
from nwb_autolfads.results.read import list_estimates

TINY = {
    "autolfads": {
        **dict.fromkeys(("ic_encoder", "ci_encoder", "controller", "generator"), 8),
        "factors": 3,
        "inference_passes": 1,
        "training": {"members": 2, "batch_windows": 8, "max_epochs": 2, "steps_per_epoch": 3, "ramp_epochs": 1},
    }
}

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(autouse=True)
def _without_scores(monkeypatch):
    """What a page compares takes most of its time, and is no part of a recipe."""
    monkeypatch.setattr(registry, "SCORES", ())


def printed_on(page):
    """Return the commands and the settings files of the section "How to reproduce"."""
    section = page.read_text(encoding="utf-8").partition("How to reproduce</h2>")[2]
    files = dict(re.findall(r"<summary>([^<]*\.yaml), the settings.*?<pre>(.*?)</pre>", section, re.DOTALL))
    commands = [html.unescape(line) for line in re.search("<pre>(.*?)</pre>", section, re.DOTALL)[1].splitlines()]
    return [line for line in commands if line], {name: html.unescape(text) for name, text in files.items()}


def assert_same_numbers_again(result, needed, monkeypatch, *options):
    """Run what the page of a result prints, in a folder with what it needs, and compare every estimate."""
    page = result.with_suffix(".html")
    call("report", result, "--out", page, *options)
    commands, files = printed_on(page)
    again = result.parent / "again"
    follow(commands, files, again, needed, monkeypatch)
    assert list_estimates(again / result.name) == list_estimates(result)
    for name in list_estimates(result):
        one, other = (nal.read_activation(file, name) for file in (result, again / result.name))
        np.testing.assert_array_equal(one["time"], other["time"])
        np.testing.assert_array_equal(one["activation"], other["activation"])
        assert one["muscle"].values.tolist() == other["muscle"].values.tolist()
        assert one.attrs["preprocessing"] == other.attrs["preprocessing"]
    assert commands[-1].startswith("nwb-autolfads report ")
    return commands


@pytest.fixture
def walk(tmp_path):
    return file_with_2d_series(tmp_path / "my walk.nwb", 3e-4 * raw_emg(3000), comments="columns: TA, SOL, GM")


@pytest.fixture
def trials(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return session_of_trials(tmp_path / "steps.nwb", 30)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--muscles", "GM,TA", "--unit", "mV"], {"preprocessing": {"preset": "rectified"}}),
        (["--muscles", "A,B,C", "--name", "My own"], {"lowpass": {"cutoff": 8.0}}),
        (["--link"], {}),
    ],
)
def test_a_filter_is_made_again(options, settings, walk, monkeypatch):
    config = walk.with_name("settings.yaml")
    config.write_text(yaml.safe_dump(settings))
    call("run", walk, "--estimator", "lowpass", *options, "--config", config, "--out", walk.with_name("out.nwb"))
    assert_same_numbers_again(walk.with_name("out.nwb"), [walk], monkeypatch)


def test_what_was_read_from_outside_is_made_again_with_the_same_trust(walk, tmp_path, monkeypatch):
    folder = tmp_path / "session"
    folder.mkdir()
    walk = walk.rename(folder / walk.name)
    with h5py.File(walk, "r+") as file:
        with h5py.File(tmp_path / "values.h5", "w") as store:
            file.copy("acquisition/EMG/data", store, "data")
        del file["acquisition/EMG/data"]
        file["acquisition/EMG/data"] = h5py.ExternalLink(str(tmp_path / "values.h5"), "/data")
    out = folder / "out.nwb"
    call("run", walk, "--estimator", "lowpass", "--outside-links", "--out", out)
    commands = assert_same_numbers_again(out, [walk], monkeypatch, "--outside-links")
    assert all("--outside-links" in command for command in commands)


def test_no_file_says_for_itself_that_it_may_be_trusted(walk):
    out = walk.with_name("out.nwb")
    call("run", walk, "--estimator", "lowpass", "--out", out)
    estimate = nal.read_activation(out)
    claim = json.dumps({**json.loads(estimate.attrs["options"]), "source": {"file": "walk.nwb", "outside_links": True}})
    assert not source_of(out, estimate.assign_attrs(options=claim)).outside_links


@pytest.mark.slow
def test_a_recording_of_another_format_is_made_again(tmp_path, monkeypatch):
    edf = tmp_path / "walk.edf"
    write_edf(edf, 1000 * raw_emg(3000), ["TA", "SOL", "GM"])
    out = tmp_path / "out.nwb"
    known = [
        "--io",
        "EDFIO",
        "--session-start",
        "2024-05-01T09:30:00+02:00",
        "--subject",
        "s1",
        "--species",
        "Rattus rattus",
    ]
    call("run", edf, "--estimator", "all", *known, "--config", settings_in(tmp_path), "--out", out)
    assert_same_numbers_again(out, [edf], monkeypatch)


def settings_in(folder):
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return folder / "tiny.yaml"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--trials", "trials:start_time", "--trial-from", "0", "--trial-to", "200"],
        ["--trials", "trials", "--until", "trials:stop_time", "--trial-from", "-0", "--minutes", "0.02"],
        ["--trials", "trials", "--trial-from", "0", "--trial-to", "200", "--link"],
    ],
    ids=["of one length", "until, in a time", "linked"],
)
def test_all_estimators_on_trials_are_made_again(options, trials, monkeypatch):
    out = trials.with_name("out.nwb")
    call("run", trials, "--estimator", "all", *options, "--config", trials.with_name("tiny.yaml"), "--out", out)
    assert_same_numbers_again(out, [trials], monkeypatch)


@pytest.mark.slow
def test_a_model_that_is_applied_gives_the_same_again(trials, monkeypatch):
    model, out = trials.with_name("m.safetensors"), trials.with_name("out.nwb")
    cut = ["--trials", "trials", "--trial-from", "0", "--trial-to", "200"]
    call(
        "run",
        trials,
        *cut,
        "--config",
        trials.with_name("tiny.yaml"),
        "--save-model",
        model,
        "--out",
        trials.with_name("a.nwb"),
    )
    call("apply", model, trials, "--out", out)
    assert_same_numbers_again(out, [trials, model], monkeypatch)
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert f"model m.safetensors (SHA-256 {digest}), trained on steps.nwb (identifier session-of-trials) by" in page
    # Without the model, the command that trained it makes it again.
    training = html.unescape(re.search("trained on .*? by</p><pre>(.*?)</pre>", page)[1])
    model.unlink()
    (out.parent / "again" / "m.safetensors").unlink()
    call(*shlex.split(training)[1:])
    call("apply", "m.safetensors", "steps.nwb", "--out", "third.nwb")
    np.testing.assert_array_equal(
        nal.read_activation(out)["activation"], nal.read_activation(out.parent / "again" / "third.nwb")["activation"]
    )


@pytest.mark.slow
def test_what_was_made_in_place_one_after_the_other_is_made_again(walk, monkeypatch):
    before = walk.with_name("before.nwb")
    shutil.copy(walk, before)
    call("run", walk, "--estimator", "lowpass", "--in-place")
    call("run", walk, "--estimator", "bayes", "--in-place", "--seed", "2")
    assert_same_numbers_again(walk, [walk], monkeypatch)
    out = before.with_name("out.nwb")
    call("run", before, "--estimator", "lowpass", "--out", out)
    call("run", out, "--estimator", "bayes", "--in-place")
    shutil.rmtree(walk.parent / "again")
    commands = assert_same_numbers_again(out, [before], monkeypatch)
    assert commands[0].startswith("nwb-autolfads run before.nwb ")
    # The recording is known still when what was made from it directly is replaced.
    call("run", out, "--estimator", "lowpass", "--in-place", "--overwrite")
    shutil.rmtree(walk.parent / "again")
    out.with_suffix(".html").unlink()
    commands = assert_same_numbers_again(out, [before], monkeypatch)
    assert commands[0].startswith("nwb-autolfads run before.nwb ")
