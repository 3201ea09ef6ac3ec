"""Benchmarks run on a tiny session, and what they measure is what they say: accuracy, agreement, time."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tiny_autolfads import TINY

import nwb_autolfads as nal
from nwb_autolfads.simulate import SimulationConfig, read_true_activation

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark():
    """The accuracy benchmark as a module."""
    import accuracy

    return accuracy


@pytest.fixture
def agreement():
    """The scores that need no truth, as a module."""
    import agreement

    return agreement


@pytest.fixture
def of_sessions():
    """The benchmark of several sessions, as a module."""
    import sessions

    return sessions


def series(values, rate=500.0):
    return xr.DataArray(
        values, dims=("time", "muscle"), coords={"time": np.arange(len(values)) / rate, "muscle": ["a"]}
    )


@pytest.mark.slow
def test_one_command_prints_a_table_and_keeps_scores_settings_and_versions(tmp_path):
    names = ["low-pass 20 Hz", "Bayesian smoother"]
    command = [
        sys.executable,
        BENCHMARKS / "accuracy.py",
        "--duration",
        "6",
        "--seeds",
        "3",
        "--generators",
        "am",
        "--no-real",
    ]
    run = [*command, "--json", tmp_path / "a.json", "--markdown", tmp_path / "a.md", "--estimators"]
    done = subprocess.run([*run, *names], capture_output=True, text=True, check=True)
    page = (tmp_path / "a.md").read_text()
    assert all(f"| {name} |" in page and f"| {name} |" in done.stdout for name in names)
    kept = json.loads((tmp_path / "a.json").read_text())
    assert [row["estimator"] for row in kept["simulated"]] == names
    assert all(0 < row["r2"] <= row["r2_best_lag"] <= 1 and row["seconds"] > 0 for row in kept["simulated"])
    assert {"nwb-autolfads", "numpy", "python"} <= set(kept["versions"])
    assert "fitted_diffusion_and_jump" in kept["simulated"][1]["config"]


@pytest.mark.slow
def test_the_rest_of_the_job_is_timed_part_by_part_and_the_least_of_the_rounds_is_kept(monkeypatch, tmp_path):
    import rest_of_job

    few = SimulationConfig(n_cortical_units=3)
    path = nal.simulate_session(tmp_path / "session.nwb", seed=0, duration=20.0, config=few)
    times = {"opening": 1e9, "comparing": 0.0}
    rest_of_job.one_round(path, times)
    assert set(times) == {*rest_of_job.JOB, rest_of_job.AGAIN, *rest_of_job.ALONE}
    assert 0 < times["opening"] < 60
    assert times["comparing"] == 0.0  # no round takes less
    assert 0 < rest_of_job.started("sum(range(3_000_000))") < 10


@pytest.mark.slow
def test_a_checkout_beside_itself_gives_the_same_estimates_and_two_times_for_each_part():
    command = [sys.executable, BENCHMARKS / "against.py", BENCHMARKS.parent, "--duration", "20", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    estimates, times = (rows[at:to] for at, to in ((2, 12), (14, None)))
    assert {row[1] for row in estimates} == {"0.0e+00"}
    assert [row[0] for row in times][1:4] == ["training step of a population", "opening", "preprocessing"]
    assert all(float(row[1]) > 0 and float(row[2]) > 0 for row in times)


def test_tables_of_a_page_are_replaced_and_its_text_is_kept(benchmark, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{benchmark.MARK}\nold\n{benchmark.MARK}\nafter\n")
    for _ in range(2):
        benchmark.put_tables(page, "new")
    assert page.read_text() == f"before\n{benchmark.MARK}\n\nnew\n\n{benchmark.MARK}\nafter\n"


def test_onset_error_is_the_delay_of_a_delayed_copy_on_another_scale(benchmark):
    truth = np.zeros(5000)
    for start in (500, 1500, 2500, 4000):
        truth[start : start + 300] = 1
    late = np.roll(truth, 8)  # 16 ms
    assert benchmark.onset_error_ms(series(3 * late[:, None] + 2), series(truth[:, None])) == pytest.approx(16)


def test_a_missed_onset_counts_as_far_off(benchmark):
    truth = np.zeros(4000)
    truth[1000:1300] = truth[3000:3300] = 1
    never = np.zeros(4000)
    never[2000] = 1e-3
    assert benchmark.onset_error_ms(series(never[:, None]), series(truth[:, None])) == pytest.approx(100)


def test_bands_add_up_and_part_slow_from_fast(benchmark):
    time = np.arange(5000) / 500
    slow, fast = np.sin(2 * np.pi * 3 * time), np.sin(2 * np.pi * 30 * time)
    below, above = benchmark.split_bands(series((slow + fast)[:, None]))
    np.testing.assert_allclose(below.values[500:-500, 0], slow[500:-500], atol=0.02)
    np.testing.assert_allclose(above.values[500:-500, 0], fast[500:-500], atol=0.02)


def test_real_recordings_give_what_their_description_says(benchmark, shared_data, tmp_path):
    import real_recordings

    (tmp_path / "4Amar.nwb").symlink_to(shared_data / "knee4" / "4Amar.nwb")
    knee = real_recordings.score_knee_sessions(tmp_path, {"4 Hz": lambda: benchmark.LowPass(4.0)})
    assert 0.55 < knee["knee angle, total R2"]["4 Hz"]["4Amar"] < 0.8  # 0.59 by a plain ridge regression
    assert knee["knee angle, R2 without the cycle"]["4 Hz"]["4Amar"] < 0.4
    walking = real_recordings.score_walking(shared_data / "walk13", {"15 Hz": lambda: benchmark.LowPass(15.0)})
    (share,) = walking["walking, variance explained by gait phase"].values()
    assert 0.65 < share["least"] < share["mean"] < share["largest"] < 0.98


@pytest.mark.slow
def test_what_each_choice_is_worth_is_asked_of_predictions_and_of_estimates(benchmark, tmp_path):
    import ablation

    asked = ["--no-real", "--duration", "12", "--generators", "am", "--epochs", "1", "--json"]
    asked.append(str(tmp_path / "rows.json"))
    ablation.main([*asked, "--changes", "quick, one model", "prediction alone, not corrected"])
    both, alone = json.loads((tmp_path / "rows.json").read_text())["simulated"]
    assert both["predicted"] == alone["corrected"]
    assert both["corrected"] > both["predicted"] + 0.05  # one epoch has learnt next to nothing
    assert "predicted" not in alone


def test_a_contraction_is_read_and_scored_by_its_discharges_and_its_force(benchmark, tmp_path):
    from contraction import Contraction
    from scipy import io

    random, rate = np.random.default_rng(0), 1000
    grid, units, sources = random.standard_normal((8000, 64)), random.random((8000, 2)) < 0.01, np.ones((8000, 2))
    force = np.repeat([0.0, 1.0], 4000)
    columns = (
        ["Muscle (1)"] * 64 + ["Decomposition of Muscle (1)"] * 2 + ["Source for decomposition (1)"] * 2 + ["force"]
    )
    titles, data = np.empty((len(columns), 1), object), np.empty((1, 1), object)
    titles[:, 0], data[0, 0] = columns, np.column_stack([grid, units, sources, force])
    path = tmp_path / "contraction.mat"
    io.savemat(path, {"Data": data, "Description": titles, "SamplingFrequency": np.uint16(rate)})
    contraction = Contraction.read(path)
    np.testing.assert_array_equal(contraction.emg[:, 1], grid[:, 7] - grid[:, 6])
    assert contraction.emg.shape == (8000, 11)
    np.testing.assert_array_equal(contraction.discharges, units.sum(axis=1))
    scores = contraction.r2(xr.Dataset({"activation": series(3 + 3 * force[:, None], rate=rate)}))
    assert scores["force"] == pytest.approx(1)
    assert scores["discharges"] < 0.2


def test_rank_agreement_is_the_mean_over_sessions_of_the_correlation_of_ranks(agreement):
    def row(seed, r2, cortex_r2, held_out_nll):
        return {"generator": "am", "seed": seed, "r2": r2, "cortex_r2": cortex_r2, "held_out_nll": held_out_nll}

    # 1 - 6 sum d^2 / n (n^2 - 1): first session d = 0, second d = (0, 0, 1, -1) for cortex and 0 for the likelihood.
    rows = [row(0, 0.5, 0.1, -1.0), row(0, 0.9, 0.3, -2.0), row(0, 0.7, 0.2, -1.5)]
    rows += [row(1, 0.1, 1, 5.0), row(1, 0.2, 2, 4.0), row(1, 0.3, 4, 3.0), row(1, 0.4, 3, 2.0)]
    assert agreement.rank_agreement(rows, "cortex_r2") == pytest.approx((1 + 0.8) / 2)
    assert agreement.rank_agreement(rows, "held_out_nll") == pytest.approx(1.0)
    # A session with one estimator, and a score that is not there, say nothing.
    assert agreement.rank_agreement([*rows, row(2, 0.5, 0.5, 0.5)], "cortex_r2") == pytest.approx(0.9)
    # What gives the same estimate twice counts once.
    assert agreement.rank_agreement([*rows, row(1, 0.4, 3, 2.0)], "cortex_r2") == pytest.approx(0.9)
    assert agreement.rank_agreement([*rows, row(0, 0.0, np.nan, 0.0)], "cortex_r2") == pytest.approx(0.9)
    assert np.isnan(agreement.rank_agreement(rows, "movement_r2"))


def test_cortex_and_movement_score_the_true_activation_above_a_noisy_one(agreement, tmp_path):
    few = SimulationConfig(n_cortical_units=5)
    path = nal.simulate_session(tmp_path / "session.nwb", seed=1, duration=25.0, config=few)
    truth = read_true_activation(path).isel(muscle=slice(0, 12, 3)).to_dataset(name="activation")
    noise = xr.zeros_like(truth) + np.random.default_rng(0).standard_normal(truth["activation"].shape)
    noisy = truth + 2 * truth.std("time") * noise
    for score in (agreement.score_cortex, agreement.score_movement):
        assert score(truth, path) > score(noisy, path) + 0.05


@pytest.mark.slow
def test_the_benchmark_of_the_viewer_measures_in_a_browser(tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    pytest.importorskip("playwright", reason="playwright, of the extra `test`, is not installed")
    kept = tmp_path / "viewer.json"
    command = [sys.executable, BENCHMARKS / "viewer.py", "--browser", browser, "--json", kept]
    small = ["--minutes", "0.5", "--muscles", "2", "--seconds", "0.5", "--rounds", "1"]
    done = subprocess.run([*command, *small], capture_output=True, text=True, check=True, timeout=120)
    rows = json.loads(kept.read_text())
    assert all(f"| {name} |" in done.stdout for name in rows)
    assert 0 < rows["until the address is there (s)"] < rows["until all in view is drawn (s)"]
    assert rows["frames per second, 2 s in view"] > 5


@pytest.mark.slow
def test_sessions_of_one_body_are_compared_line_by_line(of_sessions, monkeypatch, capsys):
    monkeypatch.setattr(of_sessions, "settings_of", lambda steps: TINY.model_copy(update={"masking": "blocks"}))
    of_sessions.main(["together", "--sessions", "2", "--seconds", "8", "--steps", "1"])
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:-1]]
    assert [row[1] for row in rows] == ["session 1", "session 2"]
    gains = np.array([[float(row[at + 2]) - float(row[at]) for at in (3, 4)] for row in rows])
    number = r"([+-]\d+\.\d)"
    said = re.fullmatch(
        rf"together more than own, mean: {number} points, prediction {number}; least: {number}, {number}", lines[-1]
    )
    expected = [*gains.mean(axis=0), *gains.min(axis=0)]
    np.testing.assert_allclose([float(each) for each in said.groups()], expected, atol=0.16)  # of rounded numbers


def test_walkers_that_are_not_here_are_said_and_nothing_is_trained(of_sessions, tmp_path):
    with pytest.raises(SystemExit) as ended:
        of_sessions.main(["knee", "--data", str(tmp_path)])
    folder = tmp_path / "knee4"
    assert ended.value.code == f"real recordings are not here: {folder} does not hold 3Amar, 4Amar, 5Amar"


@pytest.mark.slow
def test_walkers_are_decoded_from_models_of_one_of_all_and_of_the_others(of_sessions, shared_data, monkeypatch, capsys):
    monkeypatch.setattr(of_sessions, "settings_of", lambda steps: TINY.model_copy(update={"masking": "blocks"}))
    of_sessions.main(["knee", "--data", str(shared_data)])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()[2:]]
    people = [("3Amar", "own"), ("3Amar", "together"), ("3Amar", "adapted"), ("4Amar", "own")]
    assert [(row[0], row[2]) for row in rows[:4]] == people
    assert len(rows) == 9
    assert all(40 <= float(row[1]) <= 69 for row in rows)  # s, as the description of the recordings says
    assert all(30 < float(row[3]) < 80 for row in rows)  # with the Wiener smoother, which alone has 57 to 69


def test_canonical_correlations_see_through_a_mixture_and_the_correlation_of_factor_with_factor_does_not(of_sessions):
    random = np.random.default_rng(0)
    factors = random.standard_normal((2000, 4))
    mixed = factors @ random.standard_normal((4, 4))
    np.testing.assert_allclose(of_sessions.canonical(factors, mixed), 1.0)
    assert of_sessions.aligned(factors, factors) == pytest.approx(1.0)
    assert abs(of_sessions.aligned(factors, factors[:, ::-1])) < 0.1
