"""Each limit of reading holds: what is read without it is refused, or cut short, once it is lower, and says so."""

import sys

import h5py
import numpy as np
import pytest
import safetensors.numpy
from builders import file_with_2d_series, new_nwbfile, save
from nwb_examples import make_emg, make_estimate, write_session
from pynwb import NWBHDF5IO

from nwb_autolfads.commands.inspect import inspect_file
from nwb_autolfads.config import RunSettings, Source, read_settings
from nwb_autolfads.errors import NwbAutolfadsError
from nwb_autolfads.estimators.autolfads.weights import unpack
from nwb_autolfads.files import limits
from nwb_autolfads.results.read import read_activation, read_weights
from nwb_autolfads.results.write import write_activation
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.nwb.behavior import read_behavior
from nwb_autolfads.sources.nwb.events import read_events
from nwb_autolfads.sources.spikes.counts import count_spikes

EMG = "acquisition/EMG"


def recording(folder, **fields):
    return file_with_2d_series(folder / "session.nwb", **fields)


def emg(folder, **fields):
    with open_emg(recording(folder, **fields), path=EMG):
        pass


def emg_with(change):
    def read(folder):
        path = recording(folder)
        with h5py.File(path, "r+") as file:
            change(file)
        with open_emg(path, path=EMG):
            pass

    return read


def stored(**how):
    def change(file):
        attributes = dict(file[f"{EMG}/data"].attrs)
        del file[f"{EMG}/data"]
        file.create_dataset(f"{EMG}/data", **how).attrs.update(attributes)

    return emg_with(change)


def emg_with_a_neighbour(folder):
    with h5py.File(folder / "near.h5", "w") as near:
        near["values"] = np.ones(3)
    emg_with(lambda file: file.__setitem__("scratch/near", h5py.ExternalLink("near.h5", "values")))(folder)


def emg_in_zarr(folder):
    nwb_zarr = pytest.importorskip("hdmf_zarr.nwb", reason="NWB in Zarr needs the extra zarr")
    with NWBHDF5IO(recording(folder), "r") as source, nwb_zarr.NWBZarrIO(str(folder / "a.zarr"), mode="w") as target:
        target.export(src_io=source, write_args={"link_data": False})
    with open_emg(folder / "a.zarr"):
        pass


def behaviour(folder):
    read_behavior(recording(folder), [EMG])


def events(folder):
    nwbfile = new_nwbfile()
    for start in range(6):
        nwbfile.add_trial(start_time=float(start), stop_time=start + 0.5)
    read_events(save(nwbfile, folder / "session.nwb"))


def spikes(folder):
    nwbfile = new_nwbfile()
    nwbfile.add_unit(spike_times=np.arange(1, 100) / 10)
    count_spikes(save(nwbfile, folder / "session.nwb"))


def result(folder):
    estimate = make_estimate(make_emg(), everything=False)
    return write_activation(estimate, write_session(folder / "session.nwb"), link=True, weights=b"weights")


def model(folder):
    data = safetensors.numpy.save({"a": np.zeros(9)}, metadata={"format": "another"})
    with pytest.raises(NwbAutolfadsError) as caught:
        unpack(data, "model.safetensors")
    if "its format is" not in str(caught.value):
        raise caught.value


def settings(folder):
    (folder / "settings.yaml").write_text("lowpass: {cutoff: 20.0}\n")
    read_settings(folder / "settings.yaml")


TIMES = np.arange(6000) / 1000
ZEROS = {"data": np.zeros((6000, 3)), "compression": "gzip", "chunks": (6000, 3)}
REFUSED = {
    "MAX_OBJECTS": (20, emg, "holds more than 20 objects"),
    "MAX_DEPTH": (2, emg, "groups and links lie more than 2 deep in each other"),
    "MAX_NAME_BYTES": (5, emg, r"holds a name of \d+ bytes, more than 5"),
    "MAX_ATTRIBUTES": (3, emg, r"has \d+ attributes, more than 3"),
    "MAX_FILES": (0, emg_with_a_neighbour, "reads from more than 0 files"),
    "FREE_BYTES": (
        0,
        stored(shape=(6000, 3), dtype="f4", chunks=(6000, 3)),
        "0 MB are claimed, of which 0.000 MB are stored",
    ),
    "MAX_COMPRESSION": (2 - 2**20, stored(**ZEROS), "MB are claimed, of which 0.000 MB are stored"),
    "MAX_CHUNK_BYTES": (143_999, stored(**ZEROS), "has chunks of 0 MB, more than 0 MB"),
    "MAX_ELEMENT_BYTES": (7, emg, "has elements of 0 MB, more than 0 MB"),
    "MAX_METADATA_BYTES": (20, emg_in_zarr, r"is no JSON metadata of Zarr \(ValueError: \d+ bytes, more than 20"),
    "MAX_LOADED_VALUES": (17_999, behaviour, "has 18000 values, more than 17999"),
    "MAX_EVENTS": (5, events, "has 6 values, more than 5"),
    "MAX_EMG_VALUES": (17_999, emg, "has 6000 x 3 samples, more than 17999"),
    "MAX_TIMESTAMPS": (5999, lambda f: emg(f, rate=None, timestamps=TIMES), "has 6000 timestamps, more than 5999"),
    "MIN_RATE_HZ": (1001.0, emg, "its rate is 1000 Hz, not within 1001 to"),
    "MAX_RATE_HZ": (999.0, emg, "its rate is 1000 Hz, not within 1 to 999 Hz"),
    "MAX_DURATION_S": (5.9, emg, "it lasts 6 s at 1000 Hz, longer than 5.9 s"),
    "MAX_TIME_S": (19.9, lambda f: emg(f, starting_time=20.0), "it starts at 20 s of the session"),
    "MAX_DATASET_BYTES": (10, lambda f: read_activation(result(f)), "MB are claimed, of which"),
    "MAX_ORIGIN_CHARACTERS": (10, result, r"the origin of the estimate cannot be read \(\d+ characters\)"),
    "MAX_WEIGHTS_BYTES": (6, lambda f: read_weights(result(f)), "the weights are 7 values"),
    "MAX_COUNTS": (900, spikes, "and at most 900 counts"),
    "MAX_MODEL_BYTES": (10, model, r"the model has \d+ bytes, more than the 10 that are read"),
    "MAX_HEADER_BYTES": (10, model, "this is not a safetensors file"),
    "MAX_SETTINGS_BYTES": (10, settings, "is larger than 10 bytes"),
    "MAX_SETTINGS_DEPTH": (1, settings, "nests deeper than 1 levels"),
}
"""Limit: a lower one, what reads a file, and what it says then."""


def test_every_limit_has_its_test():
    names = {name for name in vars(limits) if name.isupper()}
    assert set(REFUSED) | {"INSPECT_BYTES", "INSPECT_S", "INSPECT_TIMESTAMPS"} == names


def lower(monkeypatch, name, value):
    """Set a limit in every file that asks it."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("nwb_autolfads") and name in vars(module):
            monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("name", REFUSED)
def test_what_goes_beyond_a_limit_is_refused(name, tmp_path, monkeypatch):
    value, read, said = REFUSED[name]
    for folder in ("within", "beyond"):
        (tmp_path / folder).mkdir()
    read(tmp_path / "within")
    lower(monkeypatch, name, value)
    with pytest.raises(NwbAutolfadsError, match=said):
        read(tmp_path / "beyond")


def test_inspect_reads_no_more_than_its_bytes_and_seconds(tmp_path, monkeypatch):
    path = recording(tmp_path)
    lower(monkeypatch, "INSPECT_BYTES", 3 * 4 * 3200)
    said = inspect_file(Source(path), RunSettings()).assumptions
    assert "quality is judged on 32 excerpts, 3 s of 6 s" in said
    lower(monkeypatch, "INSPECT_S", -1.0)
    said = inspect_file(Source(path), RunSettings()).assumptions
    assert "quality is judged on 1 excerpts, 0 s of 6 s" in said


def test_inspect_leaves_more_timestamps_alone(tmp_path, monkeypatch):
    path = recording(tmp_path, rate=None, timestamps=TIMES)
    assert [each.problem for each in list_contents(path).emg] == [""]
    lower(monkeypatch, "INSPECT_TIMESTAMPS", 5999)
    assert [each.problem for each in list_contents(path).emg] == ["its gaps were not looked for: 6000 timestamps"]
