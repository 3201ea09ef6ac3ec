"""Many recordings by one command: skipped where done, going on after failures and kills, with a table of all."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from builders import file_with_2d_series, raw_emg
from messages import assert_refused

from nwb_autolfads import compare_with_behavior, simulate_session
from nwb_autolfads.cli import main
from nwb_autolfads.commands.many.item import Plan
from nwb_autolfads.commands.many.row import DONE, Row
from nwb_autolfads.commands.many.run import run_many
from nwb_autolfads.config import RunOptions, RunSettings, Source
from nwb_autolfads.errors import ConfigError, OutputError, SourceError
from nwb_autolfads.files.atomic import write_text
from nwb_autolfads.report.page import render_overview
from nwb_autolfads.results.read import read_activation

BROKEN = {"text": b"no recording", "cut": b"\x89HDF\r\n\x1a\n" + bytes(64), "empty": b""}


def recordings(folder, names, n_samples=4000, n_muscles=3):
    folder.mkdir(exist_ok=True)
    signals = [raw_emg(n_samples, n_muscles, seed=at) * 1e-3 for at in range(len(names))]
    return [file_with_2d_series(folder / f"{name}.nwb", each) for name, each in zip(names, signals, strict=True)]


def estimate(files, folder, tell=lambda line: None, **given):
    """Run the quickest estimator on files."""
    options = RunOptions("lowpass", seed=given.pop("seed", 0))
    settings = RunSettings(estimators={"lowpass": {"cutoff": given.pop("cutoff", 20.0)}})
    jobs = given.pop("jobs", 1)
    return run_many(
        [str(file) for file in files], Source(""), Plan(folder, options, settings, **given), jobs=jobs, tell=tell
    )


def statuses(found):
    return [row.status for row in found.rows]


class Page(HTMLParser):
    """The links and the elements of a page, and its text."""

    def __init__(self, file):
        super().__init__()
        self.links, self.elements, self.text = [], set(), ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.links += [value for name, value in attrs if name == "href" and tag == "a"]

    def handle_data(self, data):
        self.text += data


def test_each_is_estimated_by_itself_and_a_broken_one_does_not_stop_the_others(tmp_path, undrawn):
    good = recordings(tmp_path / "in", ["a", "c"])
    broken = tmp_path / "in" / "b.nwb"
    broken.write_bytes(BROKEN["text"])
    found = estimate([good[0], broken, good[1]], tmp_path / "out")
    assert statuses(found) == ["done", "failed", "done"]
    with assert_refused(
        SourceError, f"1 of 3 failed: {broken}", f"{found.table} says why; the same command goes on with these"
    ):
        found.require_all()
    for row, file in zip((found.rows[0], found.rows[2]), good, strict=True):
        assert read_activation(tmp_path / "out" / row.result).sizes["muscle"] == row.n_muscles == row.n_usable == 3
        assert (tmp_path / "out" / row.page).stat().st_size > 1000
        assert row.recording == str(file)
    assert "is not an NWB file" in found.rows[1].error
    table = list(csv.DictReader(found.table.open(encoding="utf-8")))
    assert [row["status"] for row in table] == ["done", "failed", "done"]
    page = Page(found.overview)
    assert page.links == ["./a_activation.html", "./c_activation.html"]
    assert "failed: " in page.text
    assert "2 done, 0 done before, 1 failed" in page.text


def test_what_is_done_with_the_same_settings_is_left_and_other_settings_are_refused_or_replace(tmp_path, undrawn):
    files, out = recordings(tmp_path / "in", ["a", "b"]), tmp_path / "out"
    estimate(files[:1], out)
    before = (out / "a_activation.nwb").stat()
    assert statuses(estimate(files, out)) == ["kept", "done"]
    assert (out / "a_activation.nwb").stat() == before
    refused = estimate(files, out, cutoff=30.0)
    assert statuses(refused) == ["failed", "failed"]
    assert "exists already, made of another recording or with other settings" in refused.rows[0].error
    assert (out / "a_activation.nwb").stat() == before
    assert statuses(estimate(files, out, cutoff=30.0, overwrite=True)) == ["done", "done"]
    assert json.loads(read_activation(out / "a_activation.nwb").attrs["config"])["cutoff"] == 30.0
    assert statuses(estimate(files, out, cutoff=30.0, overwrite=True)) == ["kept", "kept"]


def test_another_recording_of_the_same_name_is_not_taken_for_the_one_that_is_done(tmp_path, undrawn):
    monday, tuesday = (recordings(tmp_path / day, ["session"])[0] for day in ("monday", "tuesday"))
    shutil.copy(file_with_2d_series(tmp_path / "other.nwb", raw_emg(seed=9)), tuesday)
    estimate([monday], tmp_path / "out")
    moved = shutil.move(monday, tmp_path / "session.nwb")
    assert statuses(estimate([moved], tmp_path / "out")) == ["kept"]  # wherever it lies
    assert statuses(estimate([tuesday], tmp_path / "out")) == ["failed"]


def test_a_run_that_was_killed_after_estimating_only_makes_what_is_missing(tmp_path, undrawn):
    (file,), out = recordings(tmp_path / "in", ["a"]), tmp_path / "out"
    estimate([file], out)
    note = out / ".nwb-autolfads" / "a_activation.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "row": None}))
    (out / "a_activation.html").unlink()
    before = (out / "a_activation.nwb").stat()
    assert statuses(estimate([file], out)) == ["done"]
    assert (out / "a_activation.nwb").stat() == before
    assert (out / "a_activation.html").exists()
    note.write_text("{not json")
    assert "exists already" in estimate([file], out).rows[0].error  # nothing tells that it is ours


def test_results_that_would_have_the_same_name_are_refused_before_anything_runs(tmp_path):
    files = [*recordings(tmp_path / "monday", ["a"]), *recordings(tmp_path / "tuesday", ["A"])]
    with assert_refused(
        ConfigError,
        f"--out-dir: the results of {files[0]} and of {files[1]} would have the same name",
        "Give each its own --out-dir",
    ):
        estimate(files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_that_somebody_else_made_is_not_replaced(tmp_path):
    (tmp_path / "overview.csv").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        estimate(recordings(tmp_path / "in", ["a"]), tmp_path)
    assert (tmp_path / "overview.csv").read_text() == "mine"


def test_a_pattern_that_takes_in_the_results_leaves_them_out(tmp_path, undrawn):
    recordings(tmp_path, ["a"])
    lines = []
    for _ in range(2):
        found = estimate([tmp_path / "*.nwb"], tmp_path, tell=lines.append)
    assert [Path(row.recording).name for row in found.rows] == ["a.nwb"]
    assert lines[1] == f"Left out {tmp_path / 'a_activation.nwb'}: it is a result of this command"


def test_names_that_are_html_or_addresses_stay_names(tmp_path):
    names = ["<img src=x onerror=alert(1)>", "javascript:alert(1)", "a\udcff"]
    rows = [Row(f"{name}.nwb", DONE, verdict=name, page=f"{name}.html", unusable=[name]) for name in names]
    shown = [{**vars(row), "quality": row.quality, "time": "1 s"} for row in [*rows, Row(names[0], error=names[0])]]
    write_text(tmp_path / "page.html", render_overview(shown, headline="4"))
    page = Page(tmp_path / "page.html")
    assert "img" not in page.elements
    assert "script" not in page.elements
    assert [link[:2] for link in page.links] == ["./"] * 3
    assert not any(":" in link for link in page.links)
    assert page.text.count("<img src=x onerror=alert(1)>") == 5


def test_the_command_prints_a_table_or_json_and_ends_with_1_where_one_failed(tmp_path, capsys, undrawn):
    files = recordings(tmp_path, ["a"])
    (tmp_path / "b.nwb").write_bytes(b"")
    (tmp_path / "paths.txt").write_text("# two\n\na.nwb\nb.nwb\n")
    command = ["run", f"@{tmp_path / 'paths.txt'}", "--estimator", "lowpass", "--out-dir", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(command)
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert f"nwb-autolfads: 1 of 2 failed: {tmp_path / 'b.nwb'}. " in said.err
    assert "muscles usable" in said.out
    assert "3 of 3" in said.out
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in found["recordings"]] == ["kept", "failed"]
    assert found["failed"] == [str(tmp_path / "b.nwb")]
    assert found["recordings"][0]["recording"] == str(files[0])


@pytest.mark.slow
def test_fifty_recordings_of_which_three_are_broken(tmp_path, undrawn):
    files = recordings(tmp_path / "in", [f"s{at:02}" for at in range(50)], n_samples=2500, n_muscles=1)
    for file, content in zip(files[10:40:10], BROKEN.values(), strict=True):
        file.write_bytes(content)
    found = estimate(files, tmp_path / "out")
    assert {at for at, row in enumerate(found.rows) if row.status == "failed"} == {10, 20, 30}
    assert len(Page(found.overview).links) == 47
    assert len(list((tmp_path / "out").glob("*.nwb"))) == 47
    began = time.monotonic()
    assert statuses(estimate(files, tmp_path / "out")).count("kept") == 47
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_several_at_a_time_give_the_same_as_one_after_another(tmp_path):
    files = recordings(tmp_path / "in", ["a", "b", "c"])
    files[1].write_bytes(b"")
    found = {jobs: estimate(files, tmp_path / f"out{jobs}", jobs=jobs) for jobs in (1, 2)}
    assert statuses(found[2]) == statuses(found[1]) == ["done", "failed", "done"]
    for row in (found[1].rows[0], found[1].rows[2]):
        one, other = (read_activation(tmp_path / f"out{jobs}" / row.result) for jobs in (1, 2))
        np.testing.assert_array_equal(one["activation"].values, other["activation"].values)


@pytest.mark.slow
def test_r2_to_movement_is_that_of_the_comparison(tmp_path, undrawn):
    session = simulate_session(tmp_path / "session.nwb", duration=10.0, seed=0)
    (row,) = estimate([session], tmp_path / "out").rows
    scores = compare_with_behavior(tmp_path / "out" / row.result)
    assert row.judged == "LowPass"
    assert row.r2_movement == pytest.approx(float(scores["r2"].sel(estimator="LowPass").mean()), abs=1e-9)
    assert row.cells()[3] == f"{row.r2_movement:.3f}"


TRAINING = "autolfads: {training: {members: 2, max_epochs: 12, ramp_epochs: 2, decay_epochs: 2}}\n"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_training_that_was_killed_goes_on(tmp_path):
    recordings(tmp_path, ["a"])
    (tmp_path / "short.yaml").write_text(TRAINING)
    command = [sys.executable, "-m", "nwb_autolfads.cli", "run", "a.nwb", "--out-dir", "out", "--config", "short.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    notes = tmp_path / "out" / ".nwb-autolfads"
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as running:
        while not list(notes.glob("a_activation-*/*.safetensors")):
            assert running.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        running.kill()
    assert not (tmp_path / "out" / "a_activation.nwb").exists()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "1 done" in done.stdout
    assert not list(notes.glob("a_activation-*"))
