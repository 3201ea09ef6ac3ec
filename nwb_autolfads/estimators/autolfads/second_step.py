"""The second step of an estimate: the prediction of each bin, and the data themselves.

A prediction that never saw a bin errs, and its errors last. They are the process of
`nwb_autolfads.estimators.state_space.smoothing`, around what the model predicts; how large they are and how long they
last is chosen muscle by muscle, by the evidence of this recording. So a prediction that tells much is kept, and one
that tells little gives way to the data.

That takes each muscle by itself, and its noise for its own. The amortized smoother
(`nwb_autolfads.estimators.amortized`) takes all muscles together and knows what they share, but nothing of the model.
The estimate is the weighted mean of the logarithms of the amortized smoother's estimate, of the state-space
smoother's around the prediction, and of the prediction itself: they err in different ways. The
latter two count a fifth each, and less where a bin tells less than one of exponential noise or where noise is shared:
nothing from `ALL_SHARED` on, nor where the Wiener smoother takes each muscle by itself, since the model has learnt such
noise as well. The prediction counts less, too, where a bin tells more. These numbers were chosen on development worlds
and recordings (docs/accuracy.md).
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

SHARE = 1 / 5
"""Of the state-space smoother in the mean of logarithms, where noise is each muscle's own; of the prediction where,
moreover, a bin tells as much as one of exponential noise."""
ALL_SHARED = 0.3
"""Mean coherence of a muscle's noise with that of others from which on both are left out."""


class Shares(NamedTuple):
    """What counts how much for a muscle in the mean of logarithms: together 1."""

    state_space_share: float
    prediction_share: float
    amortized_share: float

    @classmethod
    def of(cls, own: float, concentration: float) -> Shares:
        """Share out by how far noise is the muscle's own, 0 to 1, and by what a bin tells."""
        state_space, prediction = round(SHARE * own, 4), round(SHARE * own / max(1.0, concentration), 4)
        return cls(state_space, prediction, round(1 - state_space - prediction, 4))


ALONE = Shares(1.0, 0.0, 0.0)


class SecondStep(NamedTuple):
    """Activation and its standard deviation, both (time, muscle), and what was chosen for each muscle."""

    activation: Floats
    std: Floats
    processes: dict[str, Process]
    shares: dict[str, Shares]

    def as_config(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return what was chosen for each muscle, for the estimate's configuration."""
        return {"second_step_of": {m: p.numbers() | self.shares[m]._asdict() for m, p in self.processes.items()}}


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
    relative = std / activation
    if hidden is not None:  # a filter knows nothing of a bin that is hidden in all muscles
        return SecondStep(activation, std, processes, dict.fromkeys(processes, ALONE))
    amortized, shares = _amortized(emg, processes)
    known = seen & np.isfinite(amortized)
    parts = np.stack([activation, np.asarray(predicted, np.float64), np.where(known, amortized, 1.0)], axis=-1)
    share = np.where(known[..., None], list(shares.values()), ALONE)  # as parts: (time, muscle, 3)
    activation = np.exp((share * np.log(parts)).sum(axis=-1))
    return SecondStep(activation, activation * relative, processes, shares)


def _amortized(emg: xr.DataArray, of: dict[str, Process]) -> tuple[Floats, dict[str, Shares]]:
    """Return the amortized smoother's estimate, and what counts how much beside it in each muscle.

    NaN, and all for the state-space smoother, where the recording is too short for spectra.
    """
    smoother = AmortizedSmoother()
    try:
        found = np.asarray(smoother.fit(emg).estimate(emg)["activation"].values, np.float64)
    except SignalError:
        return np.full(emg.shape, np.nan), dict.fromkeys(of, ALONE)
    assert smoother.wiener_ is not None
    shared, together = smoother.wiener_.shared_noise, smoother.wiener_.together
    own = {m: max(0.0, 1 - shared[m] / ALL_SHARED) * min(1.0, p.concentration) * together[m] for m, p in of.items()}
    return found, {m: Shares.of(own[m], p.concentration) for m, p in of.items()}
