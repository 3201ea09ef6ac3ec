"""A small result that stands alone and names its source, and a source that must be the one that was read."""

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
import xarray as xr
from messages import assert_refused
from nwb_examples import IDENTIFIER, make_emg, make_estimate, write_session
from nwbinspector import inspect_nwbfile
from pynwb import NWBHDF5IO

from nwb_autolfads.errors import OutputError
from nwb_autolfads.results.inside import FileState
from nwb_autolfads.results.read import list_estimates, read_activation
from nwb_autolfads.results.recorded_in import recording_of
from nwb_autolfads.results.versions import version
from nwb_autolfads.results.write import write_activation


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("session") / "session.nwb", n_samples=100_000)


@pytest.fixture
def session(written_once, tmp_path):
    return Path(shutil.copy(written_once, tmp_path))


@pytest.fixture(scope="module")
def estimate():
    return make_estimate(make_emg())


@pytest.fixture(scope="module")
def linked(written_once, estimate, tmp_path_factory):
    """A file that names its source, validated when written, in a folder where nothing else is."""
    return write_activation(estimate, written_once, tmp_path_factory.mktemp("linked") / "linked.nwb", link=True)


def test_it_holds_the_estimate_and_needs_no_other_file(linked, estimate, written_once):
    xr.testing.assert_identical(read_activation(linked), estimate)
    links = []
    with h5py.File(linked) as file:
        file.visititems(
            lambda _, item: isinstance(item, h5py.Group) and links.extend(item.get(name, getlink=True) for name in item)
        )
    assert not [link for link in links if isinstance(link, h5py.ExternalLink)]
    assert linked.stat().st_size < written_once.stat().st_size / 2


def test_its_recording_is_the_file_beside_it_of_the_name_and_identifier_that_it_keeps(linked, session):
    result, recording = Path(shutil.copy(linked, session.parent)), session.rename(session.with_name("s.nwb"))
    assert recording_of(result) == recording
    assert recording_of(recording) == recording
    assert recording_of(linked) == linked  # nothing lies beside it
    with h5py.File(recording, "r+") as file:
        file["identifier"][()] = "another session"
    assert recording_of(result) == result


def test_it_names_its_source_by_identifier_and_object(linked):
    with NWBHDF5IO(linked, "r") as io:
        nwbfile = io.read()
        estimate = nwbfile.processing["behavior"]["AutoLFADS"]
        assert (estimate.source_identifier, estimate.source_object_id) == (IDENTIFIER, "an-id")
        assert (estimate.source_file, estimate.source_object_path) == ("s.nwb", "acquisition/EMG")
        assert nwbfile.identifier != IDENTIFIER


def test_session_and_subject_are_those_of_the_source(linked, written_once):
    with NWBHDF5IO(linked, "r") as ours, NWBHDF5IO(written_once, "r") as theirs:
        new, old = ours.read(), theirs.read()
        for name in ("session_description", "session_start_time", "timestamps_reference_time", "institution"):
            assert getattr(new, name) == getattr(old, name), name
        assert (list(new.experimenter), list(new.keywords[:])) == (list(old.experimenter), list(old.keywords[:]))
        assert new.subject.fields == old.subject.fields
        assert (list(new.acquisition), new.units) == ([], None)


def test_nwbinspector_says_nothing_that_it_does_not_say_of_the_source(linked, written_once):
    def messages(path):
        return {(m.check_function_name, m.location, m.message) for m in inspect_nwbfile(nwbfile_path=path)}

    assert messages(linked) - messages(written_once) == set()


def test_an_estimate_that_does_not_know_its_file_names_the_one_it_was_written_from(session, estimate):
    unnamed = estimate.drop_attrs(deep=False).assign_attrs(estimator="AutoLFADS")
    with h5py.File(write_activation(unnamed, session, link=True)) as file:
        attrs = file["processing/behavior/AutoLFADS"].attrs
        assert (attrs["source_identifier"], attrs["source_file"]) == (IDENTIFIER, "session.nwb")


def test_emg_that_was_read_from_a_result_is_that_of_the_recording_and_named_so(session):
    emg = make_emg()
    result = session
    for name, read_from in (("first", "session.nwb"), ("second", "session_activation.nwb")):
        origin = json.loads(emg.attrs["origin"]) | {"file": read_from}
        estimate = make_estimate(emg.assign_attrs(origin=json.dumps(origin)))
        result = write_activation(estimate, result, name=name, in_place=result != session)
        assert json.loads(read_activation(result, name).attrs["origin"])["file"] == "session.nwb"


def test_further_estimates_of_the_same_source_can_join_it(linked, tmp_path):
    path = Path(shutil.copy(linked, tmp_path))
    write_activation(make_estimate(make_emg(), estimator="LowPass"), path, in_place=True)
    assert list_estimates(path) == ["AutoLFADS", "LowPass"]
    with h5py.File(path) as file:
        identifier = file["identifier"][()].decode()
    problem = (
        f"linked.nwb: the estimate was made from another file (identifier 'another', this file has '{identifier}')"
    )
    with assert_refused(OutputError, problem, "Give the file that the EMG was read from."):
        write_activation(make_estimate(make_emg(identifier="another"), estimator="Other"), path, in_place=True)


def test_a_source_that_is_read_only_is_enough(session, estimate, monkeypatch):
    session.chmod(0o444)
    asked = []
    real = version.check_outputs
    monkeypatch.setattr(version, "check_outputs", lambda all_, *how: asked.append(all_[0].n_bytes) or real(all_, *how))
    write_activation(estimate, session, link=True)
    assert asked[0] < version.OVERHEAD_BYTES + session.stat().st_size  # the source needs no second copy


def test_naming_the_source_and_writing_into_it_exclude_each_other(session, estimate):
    with assert_refused(
        OutputError,
        "session.nwb: a file that names its source was asked for together with in_place",
        "Give one of the two.",
    ):
        write_activation(estimate, session, in_place=True, link=True)


def test_a_subject_with_an_age_range_and_unknown_birth_is_taken_over(tmp_path, estimate):
    path = write_session(tmp_path / "session.nwb")
    with h5py.File(path, "r+") as file:
        del file["general/subject/age"]
        file["general/subject/age"] = "P20Y/P30Y"
        file["general/subject/age"].attrs["reference"] = "gestational"
    linked = write_activation(estimate, path, link=True)
    assert pynwb.validate(path=str(linked)) == []
    with NWBHDF5IO(linked, "r") as io:
        subject = io.read().subject
        assert (subject.age, subject.age__reference, subject.date_of_birth) == ("P20Y/P30Y", "gestational", None)


@pytest.mark.parametrize("way", [{}, {"in_place": True}, {"link": True}], ids=["new_file", "in_place", "link"])
def test_a_source_that_changed_since_its_emg_was_read_is_refused(session, estimate, way):
    seen = FileState.of(session)
    with h5py.File(session, "r+") as file:
        file.attrs["corrected"] = 1
    with assert_refused(
        OutputError,
        "session.nwb: the file was changed by another program after the EMG was read",
        "Start again from the file as it is now.",
    ):
        write_activation(estimate, session, source_state=seen, **way)
    assert os.listdir(session.parent) == ["session.nwb"]


def test_a_source_that_was_replaced_by_another_of_the_same_size_and_time_is_refused(session, estimate, tmp_path):
    seen = FileState.of(session)
    stat = session.stat()
    other = Path(shutil.copy(session, tmp_path / "other.nwb"))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, session)
    with assert_refused(
        OutputError,
        "session.nwb: the file was changed by another program after the EMG was read",
        "Start again from the file as it is now.",
    ):
        write_activation(estimate, session, source_state=seen)


def test_a_source_that_is_the_same_still_is_written(session, estimate):
    assert write_activation(estimate, session, source_state=FileState.of(session)).is_file()


def test_the_origin_of_an_estimate_that_is_no_json_object_is_refused(session, estimate):
    for origin in ("{", "[1]", '"text"', json.dumps({"file": "x" * 70_000}), "[" * 50_000):
        with pytest.raises(OutputError, match="the origin of the estimate cannot be read"):
            write_activation(estimate.assign_attrs(origin=origin), session)
    assert np.array_equal(os.listdir(session.parent), ["session.nwb"])
