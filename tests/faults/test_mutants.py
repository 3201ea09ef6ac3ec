"""A thousand mutants of real files, drawn from seeds: bytes flipped, cut, spliced; each works or is refused."""

import os
import re
import shutil

import numpy as np
import pytest
from faults.campaign.cases import COMPARE, INSPECT, REPORT, RUN, either
from faults.campaign.commands import Place
from faults.campaign.judge import problems, snapshot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forked, which Windows cannot"),
]

ROUNDS, MUTANTS = 25, 40
SETTINGS = b"""\
preprocessing: {preset: wimalasena-2022, mains_hz: 60, highpass_hz: 65.0, notch_hz: [60.0, 120.0]}
session: {start: 2024-05-01T09:30:00+02:00, subject_id: s1, species: Homo sapiens, sex: F, age: P30Y}
lowpass: {cutoff: 20.0}
autolfads:
  window_ms: 200.0
  training: {members: 4, max_epochs: 10}
"""
STRUCTURE = re.compile(rb"TREE|SNOD|HEAP|GCOL|OHDR|FRHP|BTHD|[a-z_]{4,}")

# (file that is changed, how often, commands of which one is drawn); ``good.nwb`` is a recording without a change.
OUT = ("--out", "session_activation.nwb")
KINDS = (
    ("recording.nwb", 0.35, (INSPECT, INSPECT, RUN)),
    ("result.nwb", 0.25, (REPORT, COMPARE, INSPECT)),
    ("weights.nwb", 0.1, (REPORT, ("apply", "session.nwb", "good.nwb", *OUT))),
    ("model.safetensors", 0.2, (("apply", "model.safetensors", "good.nwb", *OUT),)),
    ("settings.yaml", 0.1, (("run", "good.nwb", "--estimator", "lowpass", *OUT, "--config", "settings.yaml"),)),
)


def places(data, random, count):
    """Draw places in a file: half of them where its structure is, which is a small part of a recording."""
    marks = [found.start() for found in STRUCTURE.finditer(data)]
    drawn = [int(random.integers(len(data))) for _ in range(count)]
    marked = [(int(random.choice(marks)) + int(random.integers(64))) % len(data) for _ in drawn]
    return [mark if random.random() < 0.5 else at for mark, at in zip(marked, drawn, strict=True)]


def mutate(data, random):
    """Return other bytes, and how they were made."""
    how = random.choice(["flip", "set", "block", "cut", "splice", "insert", "remove", "swap"])
    found = bytearray(data)
    at, other = places(data, random, 2)
    size = int(2 ** random.uniform(0, 12))
    if how == "flip":
        for each in places(data, random, int(2 ** random.uniform(0, 6))):
            found[each] ^= 1 << int(random.integers(8))
    elif how == "set":
        for each in places(data, random, int(2 ** random.uniform(0, 6))):
            found[each] = int(random.choice([0, 1, 0x7F, 0x80, 0xFF]))
    elif how == "block":
        found[at : at + size] = bytes([int(random.choice([0, 0xFF]))]) * len(found[at : at + size])
    elif how == "cut":
        del found[at:]
    elif how == "splice":
        found[at : at + size] = data[other : other + size]
    elif how == "insert":
        found[at:at] = random.bytes(size)
    elif how == "remove":
        del found[at : at + size]
    else:
        found[at : at + size], found[other : other + size] = data[other : other + size], data[at : at + size]
    return bytes(found), str(how)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_mutants_work_or_are_refused_and_nothing_is_lost(seed, server, templates, tmp_path):
    random, found = np.random.default_rng(seed), []
    chances = [chance for _, chance, _ in KINDS]
    for number in range(MUTANTS):
        name, _, commands = KINDS[random.choice(len(KINDS), p=chances)]
        arguments = commands[random.integers(len(commands))]
        data, how = mutate(SETTINGS if name == "settings.yaml" else (templates / name).read_bytes(), random)

        def wrong_with(place, name=name, arguments=arguments, data=data):
            place.copy("recording.nwb", "good.nwb")
            (place.work / ("session.nwb" if name.endswith(".nwb") else name)).write_bytes(data)
            before = snapshot(place.root)
            return problems(either(arguments), server.run(place, arguments), place, before)

        place = Place(tmp_path / f"mutant{number}", templates)
        wrong = wrong_with(place)
        if any("hung for" in each for each in wrong):  # a hang happens again; what a busy machine holds up does not
            wrong = wrong_with(Place(tmp_path / f"mutant{number}-again", templates))
        found += [f"mutant {number} of {name} ({how}): {each}" for each in wrong]
        if wrong:
            continue  # its files stay, to be looked at
        shutil.rmtree(place.root)
    assert not found, "\n".join(found)
