# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # Your own pipeline
#
# The same estimate in xarray, pynapple, SpikeInterface and scikit-learn.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np

import nwb_autolfads as nal

folder = Path(tempfile.mkdtemp())
session = nal.simulate_session(folder / "session.nwb", seed=2, duration=20.0)
with nal.open_emg(session) as recording:
    emg = nal.preprocess(recording)
estimate = nal.WienerSmoother().fit(emg).estimate(emg)
result = nal.write_activation(estimate, session)

# %% [markdown]
# ## xarray
#
# An estimate is a Dataset with names and times: select, resample, average as with any other.

# %%
activation = nal.read_activation(result)["activation"]
activation.sel(time=slice(5, 10)).groupby_bins("time", np.arange(5, 10.5, 0.5)).mean().to_pandas().round(2)

# %% [markdown]
# In the unit of the recording:

# %%
(activation * activation["scale"]).sel(time=slice(5, 5.004)).to_pandas()

# %% [markdown]
# ## pynapple
#
# The file is loaded as any NWB file.

# %%
import pynapple as nap

loaded = nap.load_file(str(result))
tsd = loaded["activation"]
steps = nap.IntervalSet(start=[5.0, 8.0], end=[6.0, 9.0])
tsd.restrict(steps).shape

# %% [markdown]
# ## SpikeInterface
#
# Estimates read EMG from its recordings too, so a pipeline can start there: any object with traces.

# %%
from spikeinterface.core import NumpyRecording

rng = np.random.default_rng(0)
drive = 1 + np.sin(2 * np.pi * np.arange(20_000)[:, None] / 2000.0 * [1.0, 1.5])
raw = NumpyRecording(
    [(1e-4 * drive * rng.normal(size=drive.shape)).astype("f4")], sampling_frequency=2000.0, channel_ids=["TA", "SOL"]
)
with nal.open_emg(raw, unit="V") as recording:
    from_object = nal.preprocess(recording)
nal.LowPass(5.0).fit(from_object).estimate(from_object)["activation"].sizes

# %% [markdown]
# ## scikit-learn
#
# An estimator is a step of a pipeline, and its settings are searched with those of the decoder. Time is cut into
# folds; no filter runs across a cut.

# %%
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from nwb_autolfads.interfaces.scikit_learn import ActivationTransformer
from nwb_autolfads.simulate.truth import read_true_activation

target = read_true_activation(session, emg["time"]).values[:, 0]
inside = np.isfinite(target)
pipeline = Pipeline([("activation", ActivationTransformer(nal.LowPass())), ("decoder", Ridge())])
search = GridSearchCV(pipeline, {"activation__estimator__cutoff": [2.0, 5.0, 10.0, 20.0]}, cv=KFold(4))
search.fit(emg[inside], target[inside])
search.best_params_, round(search.best_score_, 3)
