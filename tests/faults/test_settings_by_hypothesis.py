"""Settings files and options drawn by hypothesis: what is not a setting is refused, and nothing is lost."""

import itertools
import json
import os
import shutil

import pytest
from faults.campaign.cases import FILE, RUN, either
from faults.campaign.commands import Place
from faults.campaign.judge import problems, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forked, which Windows cannot"),
]

DRAWN = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
KEYS = {
    "preprocessing": [
        "preset",
        "rectified",
        "mains_hz",
        "notch_harmonics",
        "notch_hz",
        "notch_bandwidth_hz",
        "highpass_hz",
        "highpass_order",
        "analysis_rate_hz",
        "lowpass_hz",
        "clip_first",
        "clip_quantile",
        "scale_quantile",
        "floor",
    ],
    "session": ["start", "description", "muscles", "subject_id", "species", "sex", "age"],
    "lowpass": ["cutoff", "cutoff_hz", "order"],
    "quux": ["a"],
}
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([0, 1, -1, 1e-300, 1e308, 2**63, 60, 65.0, 500]))
texts = st.one_of(st.text(max_size=30), st.sampled_from([".nan", "~", "yes", "2026-01-01", "<<", "!!float x", "*a"]))
values = st.one_of(
    numbers, texts, st.none(), st.booleans(), st.lists(numbers, max_size=5), st.dictionaries(texts, numbers, max_size=3)
)
parts = st.one_of(
    *(
        st.tuples(st.just(part), st.dictionaries(st.sampled_from(keys), values, max_size=3))
        for part, keys in KEYS.items()
    ),
    st.tuples(texts, values),
)
documents = st.one_of(st.lists(parts, max_size=3).map(lambda found: json.dumps(dict(found))), st.text(max_size=200))
number_texts = st.one_of(
    numbers.map(str), st.sampled_from(["nan", "inf", "-inf", "1e999", "", "0x10", "1_0", "٣"]), texts
)
names = st.one_of(
    texts,
    st.sampled_from(["acquisition/EMG", "units", "trials:start_time", "TA,SOL", "V", "uV", "../x", "/", ".", "*"]),
)
OPTIONS = {
    "run": {
        "--emg": names,
        "--muscles": names,
        "--unit": names,
        "--seed": number_texts,
        "--trials": names,
        "--until": names,
        "--trial-from": number_texts,
        "--trial-to": number_texts,
        "--name": names,
        "--io": names,
        "--subject": names,
        "--session-start": names,
        "--estimator": st.just("lowpass"),
    },
    "compare": {
        "--before": number_texts,
        "--after": number_texts,
        "--bin-width": number_texts,
        "--folds": number_texts,
        "--shuffles": number_texts,
        "--seed": number_texts,
        "--events": names,
        "--phases": names,
        "--spikes": names,
        "--behavior": names,
        "--force": names,
    },
    "report": {"--before": number_texts, "--after": number_texts, "--events": names, "--phases": names},
    "inspect": {"--emg": names, "--muscles": names, "--unit": names, "--io": names},
}


@st.composite
def commands(draw):
    """Draw a command with one to three options; no text of a command line holds a NUL."""
    command = draw(st.sampled_from(sorted(OPTIONS)))
    chosen = draw(st.lists(st.sampled_from(sorted(OPTIONS[command])), min_size=1, max_size=3, unique=True))
    drawn = [text for option in chosen for text in (option, draw(OPTIONS[command][option]).replace("\0", ""))]
    usual = ("--estimator", "lowpass") if command == "run" and "--estimator" not in chosen else ()
    return (command, FILE, *usual, *drawn)


@pytest.fixture(scope="module")
def judged(server, templates, tmp_path_factory):
    """Run one command in a folder of its own, and return what it did that no command may."""
    folder, number = tmp_path_factory.mktemp("drawn"), itertools.count()

    def judged(template, arguments, document=None):
        place = Place(folder / str(next(number)), templates)
        place.copy(template)
        if document is not None:
            (place.work / "settings.yaml").write_text(document, "utf-8", errors="replace")
        before = snapshot(place.root)
        wrong = problems(either(arguments), server.run(place, arguments), place, before)
        shutil.rmtree(place.root)
        return wrong

    return judged


@DRAWN
@given(documents)
def test_settings_work_or_are_refused(judged, document):
    assert not judged("recording.nwb", (*RUN, "--config", "settings.yaml"), document)


@DRAWN
@given(commands())
def test_options_work_or_are_refused(judged, arguments):
    assert not judged("result.nwb", arguments)
