"""Steps of the preprocessing in words."""

from nwb_autolfads.report.recording import described_step


def test_weights_of_one_electrode_are_told_from_those_of_the_next():
    step = {
        "step": "unmix",
        "crosstalk": "remove",
        "seen_of_others": {"TA": {"SOL": 0.25, "MG": 0.1}, "MG": {"TA": 0.05}},
        "artifact_gains": {},
    }
    assert described_step(step) == (
        "unmix",
        "crosstalk: remove; seen_of_others: TA (SOL 0.25, MG 0.1), MG (TA 0.05); artifact_gains: none",
    )
