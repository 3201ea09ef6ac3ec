"""The second step of an estimate: the prediction of each bin, and the data themselves.

A prediction that never saw a bin errs, and its errors last. The amortized smoother
(`nwb_autolfads.estimators.amortized`) has seen the data, of all muscles together, but knows nothing of the model. The
estimate is the weighted mean of the logarithms of both: they err in different ways.

How large the prediction's errors are and how long they last is chosen muscle by muscle, by the evidence of this
recording: they are the process of a state-space smoother around it (`nwb_autolfads.estimators.state_space.smoothing`).
The more it misses, the less it counts; less, too, where a bin tells less than one of exponential noise, or more, or
where noise is shared: nothing from `ALL_SHARED` on, nor where the Wiener smoother takes each muscle by itself, since
the model has learnt such noise as well. The numbers were chosen on worlds and recordings (docs/accuracy.md).

That smoother says how far the estimate may err. It is the estimate, too, where the amortized smoother has none: of bins
that are hidden, and of recordings too short for spectra.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.amortized.estimator import AmortizedSmoother
from nwb_autolfads.estimators.autolfads.masking import predicts_masked
from nwb_autolfads.estimators.autolfads.weights import TrainedModel
from nwb_autolfads.estimators.autolfads.windows import bins, long_segments
from nwb_autolfads.estimators.noise_density import noise_density
from nwb_autolfads.estimators.observed import FLOOR
from nwb_autolfads.estimators.state_space.smoothing import UNRESOLVED, Process, choose, smooth

Floats = NDArray[np.float64]

SHARE = 2 / 5
"""Of a prediction that misses nothing, in the mean of logarithms, where noise is each muscle's own and a bin tells as
much as one of exponential noise."""
HALF = 0.2
"""Variance of what a prediction misses (squared natural logarithms) that halves its share."""
ALL_SHARED = 0.3
"""Mean coherence of a muscle's noise with that of others from which on the prediction is left out."""


class SecondStep(NamedTuple):
    """Activation and its standard deviation, both (time, muscle), and what was chosen for each muscle.

    ``shares`` is how much the prediction counts beside the amortized smoother, and empty where that has no estimate.
    """

    activation: Floats
    std: Floats
    processes: dict[str, Process]
    shares: dict[str, float]

    def as_config(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return what was chosen for each muscle, for the estimate's configuration."""
        shares = {muscle: {"prediction_share": share} for muscle, share in self.shares.items()}
        return {"second_step_of": {m: p.numbers() | shares.get(m, {}) for m, p in self.processes.items()}}


def second_step(
    trained: TrainedModel,
    emg: xr.DataArray,
    predicted: NDArray[np.float32],
    *,
    hidden: NDArray[np.bool_] | None = None,
    correct: bool | None = None,
) -> SecondStep | None:
    """Fuse a prediction of the model's muscles with their own data.

    Parameters
    ----------
    trained : TrainedModel
    emg : DataArray, (time, muscle)
        The muscles of the model, in its order.
    predicted : array, (time, muscle)
        From data that did not hold the bin; NaN where there is none.
    hidden : array of bool, (time,), optional
        Bins whose data must not be used.
    correct : bool, optional
        Whether to do it; unset, as the configuration says.

    Returns
    -------
    SecondStep
        None where it is not to be done, where the masking does not predict what is masked, or where the data are
        counts, each of which says too little.
    """
    settings, rate = trained.card.config, trained.card.rate
    wanted = settings.second_step if correct is None else correct
    if not wanted or not predicts_masked(settings) or settings.observation == "poisson":
        return None
    segments = long_segments(emg, bins(settings.window_ms, rate), settings.observation)
    values = np.asarray(emg.values, np.float64)
    seen = ~np.isnan(values) if hidden is None else ~np.isnan(values) & ~hidden[:, None]
    concentrations = 1 / noise_density(np.where(seen, values, FLOOR), seen, segments, rate)
    activation, std = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    processes = {}
    for j, name in enumerate(emg["muscle"].values):
        x, expected = np.where(seen[:, j], values[:, j], np.nan), np.asarray(predicted[:, j], np.float64)
        processes[str(name)] = process = choose(x, expected, segments, float(concentrations[j]))
        activation[:, j], std[:, j] = smooth(x, expected, segments, process, unresolved=UNRESOLVED)
    if hidden is not None:  # a filter knows nothing of a bin that is hidden in all muscles
        return SecondStep(activation, std, processes, {})
    amortized, shares = _amortized(emg, processes)
    if not shares:
        return SecondStep(activation, std, processes, {})
    share, relative = np.array(list(shares.values())), std / activation
    together = (1 - share) * np.log(amortized) + share * np.log(np.asarray(predicted, np.float64))
    activation = np.where(seen & np.isfinite(amortized), np.exp(together), activation)
    return SecondStep(activation, activation * relative, processes, shares)


def _amortized(emg: xr.DataArray, of: dict[str, Process]) -> tuple[Floats, dict[str, float]]:
    """Return the amortized smoother's estimate, (time, muscle), and the share of the prediction of each muscle.

    All NaN, and no shares, where the recording is too short for spectra.
    """
    smoother = AmortizedSmoother()
    try:
        found = np.asarray(smoother.fit(emg).estimate(emg)["activation"].values, np.float64)
    except SignalError:
        return np.full(emg.shape, np.nan), {}
    assert smoother.wiener_ is not None
    shared, together = smoother.wiener_.shared_noise, smoother.wiener_.together
    own = {muscle: max(0.0, 1 - shared[muscle] / ALL_SHARED) * together[muscle] for muscle in of}
    told = {m: min(p.concentration, 1 / p.concentration) / (1 + p.variance / HALF) for m, p in of.items()}
    return found, {muscle: round(SHARE * own[muscle] * told[muscle], 4) for muscle in of}
