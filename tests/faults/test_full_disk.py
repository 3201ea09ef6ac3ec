"""A disk that fills up while a result is written, for real: nothing is left, and it works once there is room."""

import errno
import os
import resource
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import xarray as xr
from nwb_examples import make_emg, make_estimate, write_session

from nwb_autolfads.errors import OutputError
from nwb_autolfads.evaluation import write_csv, write_netcdf
from nwb_autolfads.files import atomic
from nwb_autolfads.files.atomic import write_bytes, write_text
from nwb_autolfads.results.read import list_estimates
from nwb_autolfads.results.write import write_activation
from nwb_autolfads.simulate import simulate_session

DISK_BYTES = 12_000_000


@pytest.fixture(scope="module")
def estimate():
    return make_estimate(make_emg(n_bins=10_000), everything=False)


@pytest.fixture
def disk(tmp_path):
    """A disk of 12 MB, where one may be made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def _room_is_overestimated(monkeypatch):
    """As when another program fills the disk after the room was checked."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**12))


@pytest.mark.usefixtures("_room_is_overestimated")
@pytest.mark.parametrize("in_place", [False, True], ids=["new_file", "in_place"])
@pytest.mark.parametrize("share", [0.3, 0.99, 1.2], ids=["while_copying", "at_the_end_of_the_copy", "while_adding"])
def test_a_full_disk_leaves_everything_as_it_was(disk, estimate, share, in_place):
    session = write_session(disk / "session.nwb", n_samples=100_000)
    before = session.read_bytes()
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(bytes(free - int(share * len(before))))
    with pytest.raises(OutputError, match=r"session.*\.nwb: the disk is full\. Make room"):
        write_activation(estimate, session, in_place=in_place)
    assert session.read_bytes() == before
    assert sorted(os.listdir(disk)) == ["filler", "session.nwb"]
    filler.unlink()
    assert list_estimates(write_activation(estimate, session, in_place=in_place)) == ["AutoLFADS"]


def test_a_disk_with_too_little_room_is_refused_before_anything_is_written(disk, estimate):
    session = write_session(disk / "session.nwb", n_samples=500_000)
    made = session.stat().st_mtime_ns, disk.stat().st_mtime_ns
    with pytest.raises(OutputError, match=r"MB are needed in .*disk, \d+\.\d MB are free\. Make room"):
        write_activation(estimate, session)
    assert (session.stat().st_mtime_ns, disk.stat().st_mtime_ns) == made


@pytest.mark.parametrize("share", [0.5, 1.01])
def test_a_limit_on_the_size_of_files_leaves_everything_as_it_was(tmp_path, estimate, share):
    session = write_session(tmp_path / "session.nwb", n_samples=100_000)
    before = session.read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * len(before)), usual[1]))
    try:
        with pytest.raises(OutputError, match=r"the file would be larger than is allowed here .* Raise the limit"):
            write_activation(estimate, session)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert session.read_bytes() == before
    assert os.listdir(tmp_path) == ["session.nwb"]
    with h5py.File(write_activation(estimate, session)) as file:
        assert "AutoLFADS" in file["processing/behavior"]


def write_model(folder):
    write_bytes(folder / "written", np.random.default_rng(0).bytes(2_000_000))


def write_table(folder):
    scores = xr.Dataset({"r2": (("estimator", "fold"), np.random.default_rng(0).normal(size=(2, 20_000)))})
    scores = scores.assign_coords(estimator=["AutoLFADS", "LowPass"], fold=np.arange(20_000))
    write_csv({"cortex": scores}, folder / "written", overwrite=True)


def write_netcdfs(folder):
    scores = xr.Dataset({"r2": (("estimator", "fold"), np.random.default_rng(0).normal(size=(2, 100_000)))})
    write_netcdf({"written": scores}, folder, overwrite=True)


def write_page(folder):
    write_text(folder / "written", "<p>" * 500_000)


def simulate(folder):
    simulate_session(folder / "written", duration=10, overwrite=True)


OTHERS = [write_model, write_table, write_netcdfs, write_page, simulate]


@pytest.mark.usefixtures("_room_is_overestimated")
@pytest.mark.parametrize("write", OTHERS)
def test_a_full_disk_keeps_what_was_there_of_every_other_output(disk, write):
    old = disk / ("written.nc" if write is write_netcdfs else "written")
    old.write_bytes(b"old")
    filler = disk / "filler"
    filler.write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - 500_000))
    with pytest.raises(OutputError, match=r"written(\.nc)?: the disk is full\. Make room"):
        write(disk)
    assert old.read_bytes() == b"old"
    assert sorted(os.listdir(disk)) == ["filler", old.name]
    filler.unlink()
    write(disk)
    assert os.listdir(disk) == [old.name]
    assert old.stat().st_size > 500_000


QUOTA = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
QUOTA_BY_HDF5 = RuntimeError(f"Can't write data (file write failed: errno = {errno.EDQUOT}, error message = 'x')")


@pytest.fixture(params=[QUOTA, QUOTA_BY_HDF5], ids=["system", "hdf5"])
def _quota_is_used_up(request, monkeypatch):
    """As systems of files on a network say it: only when what was written is flushed."""

    def flush(_):
        raise request.param

    monkeypatch.setattr(atomic, "_flush_to_disk", flush)


USED_UP = r"the file would be larger than is allowed here \(Disk quota exceeded\)\. Raise the limit \(ulimit, quota\)"


@pytest.mark.usefixtures("_quota_is_used_up")
@pytest.mark.parametrize("write", OTHERS)
def test_a_quota_that_is_used_up_keeps_what_was_there_of_every_other_output(tmp_path, write):
    old = tmp_path / ("written.nc" if write is write_netcdfs else "written")
    old.write_bytes(b"old")
    with pytest.raises(OutputError, match=USED_UP):
        write(tmp_path)
    assert old.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [old.name]


@pytest.mark.usefixtures("_quota_is_used_up")
@pytest.mark.parametrize("in_place", [False, True], ids=["new_file", "in_place"])
def test_a_quota_that_is_used_up_leaves_the_recording_as_it_was(tmp_path, estimate, in_place):
    session = write_session(tmp_path / "session.nwb")
    before = session.read_bytes()
    with pytest.raises(OutputError, match=USED_UP):
        write_activation(estimate, session, in_place=in_place)
    assert session.read_bytes() == before
    assert os.listdir(tmp_path) == ["session.nwb"]


@pytest.mark.parametrize("write", OTHERS)
def test_a_limit_on_the_size_of_files_keeps_what_was_there_of_every_other_output(tmp_path, write):
    old = tmp_path / ("written.nc" if write is write_netcdfs else "written")
    old.write_bytes(b"old")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, usual[1]))
    try:
        with pytest.raises(OutputError, match=r"the file would be larger than is allowed here .* Raise the limit"):
            write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert old.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [old.name]
