"""The page on reading EMG holds what the program does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from docs.test_readme import blocks, call, commands

from nwb_autolfads import simulate_session
from nwb_autolfads.config import read_settings
from nwb_autolfads.emg import advice, missing
from nwb_autolfads.emg.cleaning import artifacts, found, mixing, whitening
from nwb_autolfads.emg.config import PRESETS, PreprocessingConfig
from nwb_autolfads.files import limits

PAGE = "docs/reading-emg.md"


def unsaid(phrases):
    text = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    return [phrase for phrase in phrases if phrase not in text]


def test_its_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    simulate_session("session.nwb", duration=5.0)
    for _, *arguments in commands(PAGE):
        call(arguments)
    assert Path("quality.png").is_file()
    assert Path("session_activation.nwb").is_file()


def test_its_settings_are_accepted_and_its_presets_are_all_there(tmp_path):
    keeping, colours, preprocessing, session = blocks(PAGE, "yaml")
    (tmp_path / "k.yaml").write_text(keeping)
    kept = read_settings(tmp_path / "k.yaml").preprocessing
    assert (kept.crosstalk, kept.common_artifacts) == ("keep", "keep")
    (tmp_path / "c.yaml").write_text(colours)
    assert read_settings(tmp_path / "c.yaml").preprocessing.spectrum == "keep"
    (tmp_path / "a.yaml").write_text(preprocessing)
    (tmp_path / "b.yaml").write_text(session)
    config = read_settings(tmp_path / "a.yaml").preprocessing
    assert (config.analysis_rate_hz, config.lowpass_hz) == (100.0, 10.0)
    given = read_settings(tmp_path / "b.yaml").session
    assert given.start.utcoffset().total_seconds() == 7200
    assert given.subject() == {"subject_id": "s1", "species": "Homo sapiens", "sex": "F", "age": "P30Y"}
    text = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in PRESETS)


def test_its_limits_of_missing_and_implausible_samples_are_those_of_the_code():
    said = [
        f"more than {missing.ABSURD:g} times farther",
        f"more than {100 * missing.LARGEST_SHARE:g} % of its power",
        f"or {100 * missing.LARGEST_WEIGHT:g} % of its average",
        f"above {1e3 * advice.LARGEST_V:g} mV or below {1e6 * advice.LEAST_V:g} µV",
    ]
    assert unsaid([*said, "more than half of a muscle is missing"]) == []
    assert PreprocessingConfig().missing_share_limit == 0.5


def test_its_limits_of_crosstalk_and_artifacts_are_those_of_the_code():
    seconds = mixing.FEWEST_WINDOWS * mixing.WINDOW_S
    said = [
        f"less than {seconds:g} s of raw EMG",
        f"more than {mixing.MOST_CHANNELS} channels",
        f"less than {100 * mixing.LEAST:g} % of the own muscle",
        f"has {100 * mixing.WORTH_IT:g} % of its power",
    ]
    assert unsaid(said) == []
    assert (mixing.IN_ERRORS, artifacts.FEWEST_MUSCLES, artifacts.FEWEST_ARTIFACTS) == (3.0, 3, 3)
    assert (artifacts.MOST_OF_TIME, artifacts.CORRELATED_OVER_S) == (0.2, 0.02)


def test_its_limits_of_whitening_are_those_of_the_code():
    seconds = (whitening.FEWEST_WINDOWS + 1) * whitening.WINDOW_S / 2
    said = [
        f"less than {whitening.FEWEST_WINDOWS} windows ({seconds:.1f} s",
        f"windows of {whitening.WINDOW_S:g} s",
        f"by up to {10 * np.log10((1 + whitening.WEAKEST) ** 2 / (4 * whitening.WEAKEST)):.0f} dB",
        f"down to {whitening.LOWEST_HZ:g} Hz",
        f"{2e-3 * found.WHITENED_AT_HZ:g} kHz and more, what is faster than {0.5e-3 * found.WHITENED_AT_HZ:g} to",
        f"reaches {1e3 * whitening.REACH_S:g} ms",
    ]
    assert unsaid(said) == []


def test_its_limits_when_reading_are_those_of_the_code():
    text = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    table = "\n".join(line.rpartition(" | ")[2] for line in text.splitlines() if line.startswith("| "))
    for limit in (
        f"{limits.MAX_OBJECTS:,} |",
        f"{limits.MAX_DEPTH} |",
        f"{limits.MAX_ATTRIBUTES} |",
        f"{limits.MAX_FILES} |",
        f"{limits.MAX_NAME_BYTES:,} bytes",
        f"{limits.MAX_COMPRESSION:,}, and {limits.FREE_BYTES // 10**6} MB more",
        f"{limits.MAX_CHUNK_BYTES // 10**6} MB |",
        f"{limits.MAX_ELEMENT_BYTES // 10**6} MB |",
        f"{limits.MAX_EMG_VALUES:,} |",
        f"{limits.MAX_LOADED_VALUES:,} |",
        f"{limits.MAX_METADATA_BYTES // 10**6} MB |",
        f"{limits.MAX_EVENTS:,} |",
        f"{limits.MAX_COUNTS:,} |",
        f"{limits.MAX_TIMESTAMPS:,} |",
        f"{limits.MIN_RATE_HZ:g} Hz to {limits.MAX_RATE_HZ:,.0f} Hz |",
        f"{limits.MAX_DURATION_S / 86400:g} days |",
        f"{limits.MAX_TIME_S:,.0f} s |",
        f"{limits.MAX_DATASET_BYTES // 10**6:,} MB |",
        f"{limits.MAX_ORIGIN_CHARACTERS:,} characters |",
        f"{limits.MAX_WEIGHTS_BYTES // 10**6:,} MB |",
        f"{limits.MAX_MODEL_BYTES >> 20:,} MiB, {limits.MAX_HEADER_BYTES >> 20} MiB |",
        f"{limits.MAX_SETTINGS_BYTES >> 10} KiB, {limits.MAX_SETTINGS_DEPTH} |",
        f"{limits.INSPECT_TIMESTAMPS:,} |",
        f"{limits.INSPECT_BYTES // 10**6} MB and {limits.INSPECT_S:g} s |",
    ):
        assert limit in table
