# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # Cortex and muscles
#
# EMG and spikes of motor cortex, recorded together. Which estimate of activation has more of what cortex knows? And
# what can be decoded from what the muscles have in common?

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import nwb_autolfads as nal

folder = Path(tempfile.mkdtemp())
session = nal.simulate_session(folder / "session.nwb", seed=1, duration=30.0)
with nal.open_emg(session) as recording:
    emg = nal.preprocess(recording)
counts = nal.count_spikes(session, bin_ms=20.0)
print(counts.sizes["time"], "bins of", counts.sizes["muscle"], "units")

# %%
estimators = {
    "LowPass": nal.LowPass(20.0),
    "WienerSmoother": nal.WienerSmoother(),
    "AutoLFADS": nal.AutoLFADS(preset="quick", seed=0, minutes=0.1),
}
estimates = {name: each.fit(emg).estimate(emg) for name, each in estimators.items()}

# %% [markdown]
# ## Beside cortex
#
# Muscles are predicted from spikes by ridge regression in contiguous folds. The grey marks are the control: the same
# with spikes of other times. A score below it is none.
#
# **Read it with care.** What is smooth is easy to predict, so a higher R2 of "muscles from spikes" does not make a
# better estimate. "Spikes from muscles" asks which estimate carries more about cortex, and is what ranks them.

# %%
beside_cortex = nal.compare_with_cortex(estimates, session)
nal.plot_comparison(beside_cortex, "muscle")

# %% [markdown]
# ## Beside movement

# %%
beside_movement = nal.compare_with_behavior(estimates, session)
nal.plot_comparison(beside_movement, "target")

# %% [markdown]
# ## What the muscles share
#
# Factors of AutoLFADS say together what all muscles do. Their number, sign and order mean nothing by themselves; what
# can be decoded from them does. The parameters of the model's likelihood are exponentials of sums of factors, so a
# linear decoder gets less out of factors than out of the activation that the model makes of them.

# %%
nal.plot_latents(estimates["AutoLFADS"], "factors", start=10.0, stop=12.0)

# %%
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_score

from nwb_autolfads.simulate.truth import read_true_activation

drive = read_true_activation(session, emg["time"]).values
known = np.isfinite(drive).all(axis=1)
decoder, folds = RidgeCV(np.logspace(-3, 3, 7)), KFold(5)
for name, columns in {
    "rectified EMG": emg.values,
    "low-pass": estimates["LowPass"]["activation"].values,
    "factors": estimates["AutoLFADS"]["factors"].values,
}.items():
    good = known & np.isfinite(columns).all(axis=1)
    scores = cross_val_score(decoder, columns[good], drive[good], cv=folds, scoring="r2")
    print(
        f"true activation from {name}: R2 {scores.mean():.2f}, from {scores.min():.2f} to {scores.max():.2f} over folds"
    )

# %% [markdown]
# ## What each estimate does to each frequency
#
# A filter has one gain, whatever the animal does. Where the coherence is low the estimate has left the EMG, for
# better or worse.

# %%
nal.plot_frequency_response(nal.frequency_response(estimates, emg))
