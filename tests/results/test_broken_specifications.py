"""A file whose cached specifications are broken: named where its result is validated, and left as it was."""

import h5py
from messages import assert_refused
from nwb_examples import make_emg, make_estimate, write_session

from nwb_autolfads.errors import SourceError
from nwb_autolfads.results.write import write_activation


def test_broken_specifications_are_named_and_nothing_is_written(validating, tmp_path):
    session = write_session(tmp_path / "session.nwb")
    with h5py.File(session, "r+") as file:
        (cached,) = file["specifications/core"].values()
        del cached["namespace"]
        cached["namespace"] = "{"
    before = session.read_bytes()
    with assert_refused(
        SourceError,
        (
            "session.nwb, specifications: what the file says of its own types cannot be read "
            "(JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"
        ),
        "Run pynwb-validate on it to see what is wrong with it, or get a complete copy",
    ):
        write_activation(make_estimate(make_emg(), everything=False), session)
    assert session.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["session.nwb"]
