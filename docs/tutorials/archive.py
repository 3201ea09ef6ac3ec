# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # From the archive, and ready to go back
#
# Recordings of the [DANDI archive](https://dandiarchive.org) are read without downloading them, one in HDF5 and one in
# Zarr. Their muscles are named, activation is estimated, and what comes out is validated and laid out as a dandiset of
# its own: a derivative, ready to upload.
#
# When this page was made, an archive on the same machine answered, in place of the real one: the client and its
# requests are the real ones, the dandiset is made up. For the archive leave `DANDI_INSTANCE` alone, and put a
# dandiset's number in place of 000999. Needed are `pip install "nwb-autolfads[dandi,zarr]"` and nwbinspector.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import nwb_autolfads as nal

address = "dandi://000999/sub-01/sub-01_ses-walk.nwb"

# %% [markdown]
# ## Stream
#
# Only what is read is fetched. This file does not name its muscles, and says so. Name them by column, in order: the
# names go into the result.

# %%
with nal.open_emg(address) as recording:
    print(len(recording.muscles), "muscles at", recording.rate, "Hz in", recording.unit)
    print(*recording.assumptions, sep="\n")

names = ["BFpR", "GA", "GRr", "GS", "IL", "RF", "SM", "ST", "TA", "VI", "VL", "VM"]  # from the paper of the dandiset
with nal.open_emg(address, muscles=names) as recording:
    emg = nal.preprocess(recording)
emg["muscle"].values

# %% [markdown]
# ## Estimate

# %%
estimate = nal.WienerSmoother().fit(emg).estimate(emg)
nal.plot_activation({"Wiener smoother": estimate}, emg=emg, start=5.0, stop=7.0)

# %% [markdown]
# ## A small file that names its source
#
# A derivative need not repeat the recording. With `link=True` the file holds the estimate and what the recording says
# of session and subject, and names the recording: its address, identifier and object id. Of the recording only this is
# read for it, where it is.

# %%
derivative = Path(tempfile.mkdtemp())
target = derivative / "sub-01" / "sub-01_ses-walk_desc-activation_ecephys.nwb"
target.parent.mkdir()
nal.write_activation(estimate, address, target, link=True)
print(f"{target.stat().st_size / 1e6:.1f} MB, made from {nal.read_activation(target).attrs['origin']}")

# %% [markdown]
# ## A file in Zarr
#
# The same code. The archive keeps each chunk of such a file as an object of its own, and only the chunks that are read
# are fetched.

# %%
in_zarr = "dandi://000999/sub-02/sub-02_ses-walk.nwb.zarr"
with nal.open_emg(in_zarr, muscles=names) as recording:
    emg_of_zarr = nal.preprocess(recording)

second = derivative / "sub-02" / "sub-02_ses-walk_desc-activation_ecephys.nwb"
second.parent.mkdir()
nal.write_activation(nal.WienerSmoother().fit(emg_of_zarr).estimate(emg_of_zarr), in_zarr, second, link=True)

# %% [markdown]
# ## Validate
#
# Against the NWB schema, by nwbinspector, then as the archive does. The list below is what nwbinspector would have
# changed.

# %%
import pynwb
from nwbinspector import inspect_nwbfile

remarks = []
for file in (target, second):
    assert pynwb.validate(path=str(file)) == []
    remarks += [message.message for message in inspect_nwbfile(nwbfile_path=file)]
remarks

# %%
about = """\
identifier: DANDI:000998
name: Muscle activation of dandiset 000999
description: Activation estimated from the EMG of dandiset 000999 by nwb-autolfads, a Wiener smoother.
license: [spdx:CC-BY-4.0]
contributor:
  - {name: "Doe, Jane", email: jane@example.org, roleName: [dcite:ContactPerson], schemaKey: Person}
relatedResource:
  - {url: "https://dandiarchive.org/dandiset/000999", relation: dcite:IsDerivedFrom, schemaKey: Resource}
"""
_ = (derivative / "dandiset.yaml").write_text(about, encoding="utf-8")

# %%
import subprocess
import sys

done = subprocess.run(
    [str(Path(sys.executable).with_name("dandi")), "validate", str(derivative)],
    capture_output=True,
    text=True,
    check=False,
)
print(done.stdout or done.stderr)
assert done.returncode == 0

# %% [markdown]
# ## Upload
#
# This is where you take over: register a dandiset on the archive, put its number into `dandiset.yaml`, and upload.
#
# ```
# export DANDI_API_KEY=...   # of your account
# cd derivative && dandi upload
# ```
