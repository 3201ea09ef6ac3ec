"""Names that are no text, as long as a system takes, or no longer those of the file: a command does its work."""

import os
import sys

import h5py
import pytest
from builders import file_with_2d_series

from nwb_autolfads import read_activation
from nwb_autolfads.cli import main

LOWPASS = ("--estimator", "lowpass")


def done(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return not ended.value.code


@pytest.mark.skipif(sys.platform != "linux", reason="only there names of files are any bytes")
def test_a_recording_whose_name_is_no_text_gives_a_result_that_names_it_by_numbers(tmp_path):
    file = file_with_2d_series(tmp_path / "walk.nwb").rename(tmp_path / os.fsdecode(b"caf\xe9.nwb"))
    assert done("run", file, *LOWPASS, "--out", tmp_path / "result.nwb")
    with h5py.File(tmp_path / "result.nwb") as result:
        assert result["processing/behavior/LowPass"].attrs["source_file"] == "caf\\udce9.nwb"
    assert sorted(os.listdir(os.fsencode(tmp_path))) == [b"caf\xe9.nwb", b"result.nwb"]


def test_a_result_may_have_the_longest_name(tmp_path):
    file = file_with_2d_series(tmp_path / "walk.nwb")
    result = tmp_path / ("x" * 251 + ".nwb")
    assert done("run", file, *LOWPASS, "--out", result)
    assert read_activation(result)["activation"].sizes["muscle"] == 3
    assert {path.name for path in tmp_path.iterdir()} == {"walk.nwb", result.name}


def test_a_report_on_an_estimate_whose_muscles_are_renamed_says_so(tmp_path, capsys, undrawn):
    file = file_with_2d_series(tmp_path / "walk.nwb", comments="columns: TA, SOL, GM")
    assert done("run", file, *LOWPASS, "--in-place")
    with h5py.File(file, "r+") as opened:
        opened["acquisition/EMG"].attrs["comments"] = "columns: μ, SOL, GM"
        opened["processing/behavior/LowPass"].attrs.pop("options", None)
    assert done("report", file), capsys.readouterr().err
    page = file.with_suffix(".html").read_text(encoding="utf-8")
    assert "The EMG is not drawn: no muscle in it is called TA." in page
