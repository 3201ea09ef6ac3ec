"""The paper's way, elements and shift, on trials as short as the paper's, from the command line to the estimate."""

import numpy as np
import pytest
import yaml

import nwb_autolfads as nal
from nwb_autolfads.cli import main
from nwb_autolfads.estimators.autolfads.prepared import Prepared
from nwb_autolfads.simulate import SimulationConfig, simulate_session

TINY = {
    **dict.fromkeys(("ic_encoder", "ci_encoder", "controller", "generator"), 8),
    "factors": 4,
    "posterior_samples": 2,
    "training": {
        "members": 1, "batch_windows": 8, "max_epochs": 2, "steps_per_epoch": 2, "ramp_epochs": 1, "burn_in_epochs": 1,
        "generation_epochs": 1, "validation_windows": 8,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    config = SimulationConfig(locomotion_bout_s=20, rest_s=0.3, burst_bout_s=0, isometric_bout_s=0, n_muscles=4)
    path = simulate_session(folder / "session.nwb", seed=0, duration=12.0, config=config)
    (folder / "settings.yaml").write_text(yaml.safe_dump({"autolfads": TINY}))
    return path


def test_trials_of_224_ms_are_estimated_as_in_the_paper(session, capsys):
    out = session.with_name("out.nwb")
    trials = ["--trials", "steps:start_time", "--trial-from", "-24", "--trial-to", "200"]
    settings = ["--config", str(session.with_name("settings.yaml"))]
    arguments = ["--emg", "acquisition/EMG", "--preset", "paper", *trials, *settings, "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main(["run", str(session), *arguments])
    assert ended.value.code == 0
    said = capsys.readouterr().err
    assert "Windows are the trials, 224 ms" in said
    assert "shifted in from beyond them counts as missing" in said
    estimate = nal.read_activation(out)
    lengths = np.unique(estimate["segment"].values, return_counts=True)[1]
    assert len(lengths) >= 10
    assert (lengths == 112).all()
    assert np.isfinite(estimate["activation"].values).all()


def test_the_shift_finds_nothing_known_beyond_a_trial(session):
    emg = nal.preprocess(nal.open_emg(session, path="acquisition/EMG"))
    trials = nal.cut_trials(emg, np.arange(0.5, 11, 0.5), from_ms=0, to_ms=224)
    settings = nal.AutoLFADS("paper").settings.with_changes(TINY)
    prepared = Prepared.of(settings, {"session": trials})
    parts = prepared.sessions[0].data.numpy().reshape(-1, 6 + 112 + 6, 4)
    assert np.isnan(parts[:, :6]).all()
    assert np.isnan(parts[:, -6:]).all()
    np.testing.assert_array_equal(parts[:, 6:-6].reshape(-1, 4), trials.values)
