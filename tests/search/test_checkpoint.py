"""A search that is killed goes on where it was, and ends with the numbers of an unbroken one."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch
from messages import assert_refused
from populations import search_of, small_engine

from nwb_autolfads.errors import NwbAutolfadsWarning, OutputError, SourceError
from nwb_autolfads.search.checkpoint import RunDirectory

RUN = json.dumps({"config": "small", "seed": 0})
EPOCHS = 10


def new_search():
    trained = small_engine(members=3, max_epochs=EPOCHS, patience_generations=99)
    return trained, search_of(trained)


def finish(folder):
    """Train in a folder from wherever it is to the end."""
    trained, search = new_search()
    directory = RunDirectory(folder, RUN)
    kept = (Path(folder) / "state.safetensors").exists()
    assert directory.restore(trained, search) == kept
    search.run(keep=lambda: directory.save(trained, search))
    return trained


@pytest.fixture(scope="module")
def unbroken():
    trained, search = new_search()
    search.run()
    return trained


def epochs_kept(folder):
    table = folder / "history.csv"
    return (len(table.read_text().splitlines()) - 1) // 3 if table.exists() else 0


@pytest.mark.slow
def test_search_killed_at_random_moments_ends_with_the_same_numbers(tmp_path, unbroken):
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    program += f"from search.test_checkpoint import finish; finish({str(tmp_path)!r})"
    moments = random.Random(0)
    for epoch in (2, 6):
        process = subprocess.Popen([sys.executable, "-c", program])
        while process.poll() is None and epochs_kept(tmp_path) < epoch:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.03))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    resumed = finish(tmp_path)
    assert resumed.history == unbroken.history
    for name, whole in unbroken.state().members.items():
        assert torch.equal(resumed.state().members[name], whole), name


def test_history_is_kept_as_a_table_that_people_can_read(tmp_path):
    trained = finish(tmp_path)
    with open(tmp_path / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 * EPOCHS
    for row, kept in zip(rows, trained.history, strict=True):
        assert {name: float(value) for name, value in row.items()} == kept
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads(RUN)


def test_finished_run_is_not_trained_further(tmp_path):
    finish(tmp_path)
    before = (tmp_path / "state.safetensors").read_bytes()
    finish(tmp_path)
    assert (tmp_path / "state.safetensors").read_bytes() == before


def spoiled(data, **changes):
    tensors = safetensors.torch.load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    for name, value in changes.items():
        if isinstance(value, str):
            header[name] = value
        else:
            tensors[name] = value
    return safetensors.torch.save(tensors, metadata=header)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:1000], "is not the state of a run"),
        (lambda data: b"\xff" * 64, "is not the state of a run"),
        (lambda data: spoiled(data, format="other"), "its format is 'other'"),
        (lambda data: spoiled(data, run="{}"), "another configuration, seed or recording"),
        (lambda data: spoiled(data, columns="["), "its state is not whole"),
        (lambda data: spoiled(data, pairs=torch.zeros(3, dtype=torch.uint8)), "its state is not whole"),
        (lambda data: spoiled(data, **{".score": torch.zeros(2)}), "tensor .score is not the one of this run"),
    ],
)
def test_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path, spoil, message):
    trained, search = new_search()
    directory = RunDirectory(tmp_path, RUN)
    directory.save(trained, search)
    path = tmp_path / "state.safetensors"
    path.write_bytes(spoil(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(SourceError, match=message):
        directory.restore(*new_search())
    assert path.read_bytes() == before


def test_a_run_that_an_earlier_version_began_goes_on_and_says_so(tmp_path):
    trained, search = new_search()
    trained.train(3)
    RunDirectory(tmp_path, RUN).save(trained, search)
    state = tmp_path / "state.safetensors"
    generator = torch.Generator().get_state()  # which that version kept
    state.write_bytes(spoiled(state.read_bytes(), format="nwb-autolfads run 2", random=generator))
    resumed, search = new_search()
    with pytest.warns(NwbAutolfadsWarning) as caught:
        assert RunDirectory(tmp_path, RUN).restore(resumed, search)
    assert [str(warning.message) for warning in caught] == [
        f"{tmp_path}: an earlier version began this run: its random numbers end here, others follow"
    ]
    search.run()
    assert resumed.epoch == EPOCHS
    assert resumed.history[:9] == trained.history


def test_a_table_or_settings_of_somebody_else_are_not_replaced(tmp_path):
    for name in ("history.csv", "config.json"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(OutputError) as caught:
            RunDirectory(folder, RUN)
        assert str(caught.value) == (
            f"{folder}: there is a {name} in it already, which no run that could go on has made. Choose another folder"
        )
        assert (folder / name).read_text() == "mine"


def test_a_run_directory_holds_its_three_files_and_nothing_that_a_killed_run_left(tmp_path):
    trained, search = new_search()
    (tmp_path / ".state.safetensors.partial").write_bytes(b"half")
    RunDirectory(tmp_path, RUN).save(trained, search)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "history.csv", "state.safetensors"]


def test_a_state_that_is_a_pipe_is_refused_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "state.safetensors")
    with assert_refused(
        SourceError,
        (
            f"{tmp_path.name}: state.safetensors is not the state of a run "
            "(state.safetensors: is a pipe, not a file. Give the path of a regular file)"
        ),
        "Choose another folder to start a new run.",
    ):
        RunDirectory(tmp_path, RUN).restore(*new_search())
