"""The second step of an estimate: the prediction of each bin, and the data themselves.

A prediction that never saw a bin errs, and its errors last. They are the process of
`nwb_autolfads.estimators.state_space.smoothing`, around what the model predicts; how large they are and how long they
last is chosen muscle by muscle, by the evidence of this recording. So a prediction that tells much is kept, and one
that tells little gives way to the data.

That takes each muscle by itself, and its noise for its own. The Wiener smoother knows what muscles share, noise too,
but only fixed weights. The estimate is the weighted mean of the logarithms of both, and of the prediction: they err in
different ways. The state-space part counts a third, and less where a bin tells less than one of exponential noise or
where noise is shared: none from `ALL_SHARED` on, and none where the Wiener smoother takes each muscle by itself, since
the model has learnt such noise as well. The prediction counts a fifth of all, less for the same reasons, and less where
a bin tells more. These numbers were chosen on development worlds and recordings (docs/accuracy.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.autolfads.masking import predicts_masked
from nwb_autolfads.estimators.autolfads.weights import TrainedModel
from nwb_autolfads.estimators.autolfads.windows import bins, long_segments
from nwb_autolfads.estimators.noise_density import noise_density
from nwb_autolfads.estimators.observed import FLOOR
from nwb_autolfads.estimators.state_space.smoothing import UNRESOLVED, Process, choose, smooth
from nwb_autolfads.estimators.wiener import WienerSmoother

Floats = NDArray[np.float64]

STATE_SPACE_SHARE = 1 / 3
"""Of the state-space smoother in the mean of logarithms, where the noise of each muscle is its own."""
PREDICTION_SHARE = 1 / 5
"""Of the prediction in that mean, where moreover a bin tells as much as one of exponential noise."""
ALL_SHARED = 0.3
"""Mean coherence of a muscle's noise with that of others from which on the Wiener smoother decides alone."""


class Shares(NamedTuple):
    """What counts how much for a muscle in the mean of logarithms: together 1."""

    state_space_share: float
    prediction_share: float
    wiener_share: float

    @classmethod
    def of(cls, own: float, concentration: float) -> Shares:
        """Share out by how far noise is the muscle's own, 0 to 1, and by what a bin tells."""
        prediction = round(PREDICTION_SHARE * own / max(1.0, concentration), 4)
        state_space = round(STATE_SPACE_SHARE * own * (1 - prediction), 4)
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
    linear, shares = _linear(emg, processes)
    known = seen & np.isfinite(linear)
    parts = np.stack([activation, np.asarray(predicted, np.float64), np.where(known, linear, 1.0)], axis=-1)
    share = np.where(known[..., None], list(shares.values()), ALONE)  # as parts: (time, muscle, 3)
    activation = np.exp((share * np.log(parts)).sum(axis=-1))
    return SecondStep(activation, activation * relative, processes, shares)


def _linear(emg: xr.DataArray, processes: dict[str, Process]) -> tuple[Floats, dict[str, Shares]]:
    """Return the Wiener smoother's estimate, and what it leaves to the others in each muscle.

    NaN, and all to the state-space smoother, where the recording is too short for spectra.
    """
    smoother = WienerSmoother()
    try:
        found = smoother.fit(emg).estimate(emg)["activation"].values
    except SignalError:
        return np.full(emg.shape, np.nan), dict.fromkeys(processes, ALONE)
    shared, together = smoother.shared_noise, smoother.together
    own = {
        m: max(0.0, 1 - shared[m] / ALL_SHARED) * min(1.0, p.concentration) * together[m] for m, p in processes.items()
    }
    return np.asarray(found, np.float64), {m: Shares.of(own[m], p.concentration) for m, p in processes.items()}
