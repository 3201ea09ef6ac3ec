# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # From the archive, and ready to go back
#
# A recording of the [DANDI archive](https://dandiarchive.org) is read without downloading it, its muscles are named,
# activation is estimated, and what comes out is validated and laid out as a dandiset of its own: a derivative, ready
# to upload.
#
# When this page was made, an archive on the same machine answered, in place of the real one: the client, the requests
# and the ranges are the real ones, the dandiset is made up. For the archive leave `DANDI_INSTANCE` alone, and put a
# dandiset's number in place of 000999. Needed are `pip install "nwb-autolfads[dandi]"` and nwbinspector.

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
# A derivative need not repeat the recording. The file below holds the estimate and what is known of session and
# subject, and names the recording by identifier and object id. To write it, session and subject are read from the
# source, which is downloaded for that by the archive's client.

# %%
from dandi.dandiapi import DandiAPIClient

folder = Path(tempfile.mkdtemp())
source = folder / "source.nwb"
with DandiAPIClient() as client:
    client.get_dandiset("000999").get_asset_by_path("sub-01/sub-01_ses-walk.nwb").download(source)

derivative = folder / "derivative"
(derivative / "sub-01").mkdir(parents=True)
target = derivative / "sub-01" / "sub-01_ses-walk_desc-activation_ecephys.nwb"
nal.write_activation(estimate, source, target, link=True)
print(f"{source.stat().st_size / 1e6:.1f} MB of recording, {target.stat().st_size / 1e6:.1f} MB of derivative")

# %% [markdown]
# ## Validate
#
# Against the NWB schema, then as the archive does. What nwbinspector has against the derivative it must have against
# the source too.

# %%
import pynwb
from nwbinspector import inspect_nwbfile

assert pynwb.validate(path=str(target)) == []
of_source = {message.message for message in inspect_nwbfile(nwbfile_path=source)}
new = [message for message in inspect_nwbfile(nwbfile_path=target) if message.message not in of_source]
[message.message for message in new]

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
