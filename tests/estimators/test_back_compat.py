"""What version 0.1.0 wrote is read as before: settings, a model, a result, a run.

The files in ``back_compat/0.1.0`` are from ``run --config settings.yaml --weights --save-model model.safetensors`` of
that version, on a made-up recording of 4 s and 3 muscles which the result holds too. So the activation in the result
is what the model in the file must estimate today.
"""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from populations import search_of, small_engine

from nwb_autolfads import open_emg, preprocess, read_activation
from nwb_autolfads.config import read_settings
from nwb_autolfads.errors import NwbAutolfadsWarning
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.autolfads.config import PRESETS, AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
from nwb_autolfads.estimators.base import Making
from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
from nwb_autolfads.estimators.lowpass import LowPass
from nwb_autolfads.estimators.subspace import LowPassSubspace
from nwb_autolfads.results.read import read_weights
from nwb_autolfads.search.checkpoint import RunDirectory
from nwb_autolfads.search.renamed import with_names_of_today

WRITTEN = Path(__file__).parents[1] / "back_compat" / "0.1.0"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    path = tmp_path_factory.mktemp("old") / "result.nwb"
    with gzip.open(WRITTEN / "result.nwb.gz") as packed, open(path, "wb") as stream:
        shutil.copyfileobj(packed, stream)
    return path


def test_model_estimates_nearly_what_it_estimated_then(result):
    # Masks at inference and the second step are others now; the model is the same.
    with open_emg(result, path="acquisition/EMG") as recording:
        emg = preprocess(recording)
    then = read_activation(result)
    for model in (
        AutoLFADS.load(WRITTEN / "model.safetensors"),
        AutoLFADS.from_bytes(read_weights(result, "AutoLFADS")),
    ):
        now = model.estimate(emg)
        np.testing.assert_allclose(now["activation"].mean("time"), emg.mean("time"), rtol=0.1)
        # of so short a training factors are posterior samples, of which another number is averaged now
        slow_now, slow_then = (each["factors"].rolling(time=50).mean().std("time") for each in (now, then))
        np.testing.assert_allclose(slow_now, slow_then, rtol=0.3)


def test_model_that_is_saved_again_has_the_names_of_today():
    model = AutoLFADS.load(WRITTEN / "model.safetensors")
    data = model.to_bytes()
    card = json.loads(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["card"])
    assert card["config"]["simultaneous_masking"] == 0.75
    assert card["config"]["input_transform"] == "linear"
    assert card["config"]["training"]["validation_mask_rate"] == 0.4
    assert card["config"]["training"]["space"]["mask_rate"] == {
        **{"start": 0.4, "low": 0.1, "high": 0.6, "spread": False, "explore": 0.3, "offset": 0.0}
    }
    assert not {"together", "reading"} & card["config"].keys()


def test_settings_file_is_taken_and_its_old_names_are_said():
    settings = read_settings(WRITTEN / "settings.yaml").estimators["autolfads"]
    with pytest.warns(NwbAutolfadsWarning) as said:
        estimator = registry.entry_of("AutoLFADS").make(settings, Making())
    assert sorted(str(each.message) for each in said) == [
        "the setting `hide_rate` is called `mask_rate` now",
        "the setting `reading` is called `input_transform` now",
        "the setting `together` is called `simultaneous_masking` now",
        "the setting `validation_hide_rate` is called `validation_mask_rate` now",
    ]
    assert estimator.config["simultaneous_masking"] == 0.75
    assert estimator.config["input_transform"] == "linear"
    assert estimator.config["training"]["space"]["mask_rate"]["start"] == 0.4
    assert estimator.config["training"]["members"] == 2
    assert estimator.config["training"]["decay_epochs"] == 8  # of the preset


def test_settings_of_the_low_pass_that_are_not_used_any_more_are_taken_and_said(tmp_path):
    (tmp_path / "settings.yaml").write_text("lowpass: {cutoff: 8.0, block_ms: 40.0, seed: 3}\n")
    settings = read_settings(tmp_path / "settings.yaml").estimators["lowpass"]
    with pytest.warns(NwbAutolfadsWarning, match="^`block_ms` of LowPass is not used any more: "):
        assert registry.entry_of("LowPass").make(settings, Making()).cutoff == 8.0


def test_setting_under_both_of_its_names_is_refused():
    with (
        pytest.warns(NwbAutolfadsWarning),
        pytest.raises(ValueError, match="`reading` is the old name of `input_transform`"),
    ):
        AutoLFADSConfig(reading="linear", input_transform="linear")


def test_run_directory_goes_on(tmp_path):
    old_names = {"mask_rate": "hide_rate", "input_transform": "reading"}
    run = json.dumps({"config": {"mask_rate": 0.5, "input_transform": "linear"}, "seed": 0})
    whole, cut = small_engine(max_epochs=4), small_engine(max_epochs=4)
    search_of(whole).run()
    search = search_of(cut)
    search.run(keep=lambda: RunDirectory(tmp_path, run).save(cut, search) if cut.epoch == 2 else None)
    state = tmp_path / "state.safetensors"
    data = state.read_bytes()
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    tensors = safetensors.torch.load(data)
    for new, old in old_names.items():
        metadata = {key: text.replace(f'"{new}"', f'"{old}"') for key, text in metadata.items()}
        tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
    state.write_bytes(safetensors.torch.save(tensors, metadata=metadata))
    resumed = small_engine(max_epochs=4)
    search = search_of(resumed)
    assert RunDirectory(tmp_path, run).restore(resumed, search)
    assert resumed.epoch == 2
    search.run()
    assert resumed.history == whole.history


def test_numbers_are_those_of_then():
    then = json.loads((WRITTEN / "numbers.json").read_text())
    then["presets"]["quick"] |= {"posterior_samples": 1, "inference_folds": 3}  # they were 2 and 4
    assert {name: preset.model_dump(mode="json") for name, preset in PRESETS.items()} == with_names_of_today(
        then["presets"]
    )
    assert AutoLFADSConfig().model_dump(mode="json") == with_names_of_today(then["defaults"])


@pytest.mark.parametrize("estimator", [LowPass, LowPassSubspace, BayesianFilter])
def test_classical_estimators_have_the_numbers_of_then(estimator):
    then = json.loads((WRITTEN / "numbers.json").read_text())["configurations"][estimator.__name__]
    then.pop("block_ms", None)  # which is not used any more
    assert {name: value for name, value in estimator().config.items() if name in then} == then


def test_bounds_are_those_of_then():
    then = with_names_of_today(json.loads((WRITTEN / "numbers.json").read_text())["bounds"]["AutoLFADSConfig"])
    now = AutoLFADSConfig.model_json_schema()["properties"]
    del then["second_step"]  # which was a width and a weight
    for name, bounds in then.items():
        parts = [now[name], *now[name].get("anyOf", [])]
        assert any(all(part.get(bound) == value for bound, value in bounds.items()) for part in parts), name
