# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # A first file
#
# From a file with raw EMG to muscle activation, in four steps: look, read, estimate, write. The session is simulated,
# so its true activation is known and each estimate can be held against it. With a file of yours the code is the same
# from the second cell on.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import nwb_autolfads as nal

folder = Path(tempfile.mkdtemp())
session = nal.simulate_session(folder / "session.nwb", seed=0, duration=30.0)

# %% [markdown]
# ## Look
#
# Which EMG would be read, and how good is it? `usable` is what counts: an unusable muscle is left out.

# %%
nal.inspect(session).quality[["usable", "snr_db", "mains_share", "missing_share", "crosstalk"]].to_dataframe().round(3)

# %% [markdown]
# ## Read
#
# Opening is lazy; preprocessing reads piece by piece. What comes out is rectified, scaled EMG at 500 Hz, with muscle
# names and the session's clock.

# %%
with nal.open_emg(session) as recording:
    emg = nal.preprocess(recording)
print(dict(emg.sizes), emg.attrs["rate"], "Hz, recorded in", emg.attrs["unit"])

# %% [markdown]
# ## Estimate
#
# Four estimates, from the plainest to the model that learns. AutoLFADS is trained for ten seconds here, so
# that this page is quick to make; give it its usual minutes for results that count (`nal.AutoLFADS(preset="quick")`).

# %%
estimators = {
    "low-pass 20 Hz": nal.LowPass(20.0),
    "Bayesian smoother": nal.BayesianFilter(smooth=True),
    "Wiener smoother": nal.WienerSmoother(),
    "AutoLFADS": nal.AutoLFADS(preset="quick", seed=0, minutes=0.15),
}
estimates = {name: estimator.fit(emg).estimate(emg) for name, estimator in estimators.items()}

# %% [markdown]
# Look for two things in the figure: does the estimate rise as fast as the EMG does at the start of a burst, and is it
# smooth where the EMG only fluctuates? The 20 Hz low-pass does the first and not the second.

# %%
from nwb_autolfads.simulate.truth import read_true_activation

truth = read_true_activation(session, emg["time"])
nal.plot_activation(estimates, emg=emg, truth=truth, muscles=list(emg["muscle"].values[:3]), start=10.0, stop=12.0)

# %% [markdown]
# ## Which is nearest to the truth?
#
# Only a simulation can say. On a recording of yours, `nwb-autolfads run` ends with [a verdict](../verdict.md) from
# the EMG itself.

# %%
from nwb_autolfads.evaluation.truth import score_against_truth

score_against_truth(estimates, truth)["r2"].mean("muscle").to_series().round(3)

# %% [markdown]
# ## Write
#
# The result is a new NWB file with all that the session has, and the estimates in `processing/behavior`.

# %%
result = nal.write_activation(estimates["AutoLFADS"], session)
nal.write_activation(estimates["Wiener smoother"], result, in_place=True)
dict(nal.read_activation(result, name="WienerSmoother").sizes)
