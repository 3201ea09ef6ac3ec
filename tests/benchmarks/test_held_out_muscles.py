"""A muscle that was left out is predicted as well as others tell of it; recordings that are not there are named."""

import numpy as np
import pytest
from emg_examples import rectified_emg
from scipy.ndimage import gaussian_filter1d


@pytest.fixture
def held_out_muscles():
    import held_out_muscles

    return held_out_muscles


@pytest.mark.parametrize(("delay_ms", "explained"), [(0, 0.5), (100, 0.5), (1000, 0.0)])
def test_what_others_tell_within_the_lags_is_found_and_nothing_else(held_out_muscles, delay_ms, explained):
    random, n, bin_of = np.random.default_rng(0), 60_000, 10  # samples of 2 ms in a bin of 20 ms
    slow = gaussian_filter1d(random.standard_normal(n), 40)
    slow /= slow.std()
    noise = np.sqrt(bin_of) * random.standard_normal(n)  # in bins as large as what is told
    own = np.roll(slow, delay_ms // 2) + noise
    emg = rectified_emg(np.stack([20 + slow, 20 + own], axis=1))
    others, left_out = emg.isel(muscle=[0]), emg.isel(muscle=1)
    found = held_out_muscles.predicted(others.to_dataset(name="activation"), left_out)
    assert found == pytest.approx(explained, abs=0.08)


def test_a_row_is_an_estimator_and_a_mean_is_over_recordings(held_out_muscles):
    rows = [
        {"recording": recording, "muscle": muscle, "estimator": "AutoLFADS", "r2": r2}
        for recording, muscle, r2 in [("a", "m", 0.1), ("a", "n", 0.3), ("b", "m", 0.6)]
    ]
    assert "| AutoLFADS | 0.200 | 0.600 | 0.400 |" in held_out_muscles.table(rows)


def test_recordings_that_are_not_there_are_named(held_out_muscles, tmp_path, capsys):
    with pytest.raises(SystemExit):
        held_out_muscles.main(["--data", str(tmp_path), "--json", str(tmp_path / "scores.json")])
    assert f"there are no recordings in {tmp_path / 'knee4'}" in capsys.readouterr().err
