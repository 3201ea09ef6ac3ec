"""AutoLFADS: activation from all muscles together, by a population of LFADS models (Wimalasena et al. 2022)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError
from nwb_autolfads.estimators.autolfads.adapting import adapted
from nwb_autolfads.estimators.autolfads.card import ModelCard, name_of
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig, Preset
from nwb_autolfads.estimators.autolfads.inferred import with_missing
from nwb_autolfads.estimators.autolfads.masking import predicts_masked
from nwb_autolfads.estimators.autolfads.posterior import by_muscle, infer_recording
from nwb_autolfads.estimators.autolfads.prepared import Prepared
from nwb_autolfads.estimators.autolfads.second_step import second_step
from nwb_autolfads.estimators.autolfads.training import Training
from nwb_autolfads.estimators.autolfads.weights import TrainedModel, pack, read_model, unpack
from nwb_autolfads.estimators.autolfads.windows import muscles_of_model
from nwb_autolfads.estimators.base import Estimator, Making
from nwb_autolfads.files.atomic import write_bytes
from nwb_autolfads.lfads.observations import Name
from nwb_autolfads.search.engines.placement import DeviceName, EngineName, Placement, device_of
from nwb_autolfads.search.progress import ProgressCallback, silent


class AutoLFADS(Estimator):
    """Activation as the expected rectified EMG under an LFADS model with gamma observations.

    Parameters
    ----------
    preset : {"quick", "paper"}
        Where the configuration starts from.
    seed : int
        Of all that is random; it gives the same result on the same CPU, but where a time budget takes steps off.
    config : AutoLFADSConfig, optional
        A configuration of your own; ``preset`` is not used then.
    observation : {"gamma", "zero_inflated_gamma", "lognormal", "poisson"}, optional
        Observation model in place of that of the configuration; "poisson" is for counts of spikes.
    minutes : float, optional
        Time for training, in place of the configuration's length: epochs get as many steps as fit. How many those were
        is in the estimate's configuration, with which the same numbers come again on any day.
    progress : callable, optional
        Called with a `Progress` after every epoch.
    run_directory : path, optional
        Where `fit` keeps its state. When it holds the same run already, `fit` goes on from there, and ends with the
        numbers of an unbroken one.
    device : {"auto", "cpu", "cuda"}
        Where it trains and infers; auto: a GPU where there is one.
    engine : {"local", "ray"}
        Who trains, with the same numbers: this process, or ``workers`` of the cluster at ``address``; see `Placement`.

    Attributes
    ----------
    history : list of dict
        One row per epoch and member, after `fit`.

    References
    ----------
    Wimalasena et al. 2022, J Neural Eng 19 036013; Pandarinath et al. 2018, Nat Methods 15 805.
    """

    name: ClassVar[str] = "AutoLFADS"

    def __init__(
        self,
        preset: Preset = "quick",
        seed: int = 0,
        *,
        config: AutoLFADSConfig | None = None,
        observation: Name | None = None,
        minutes: float | None = None,
        progress: ProgressCallback = silent,
        run_directory: str | os.PathLike[str] | None = None,
        device: DeviceName = "auto",
        engine: EngineName = "local",
        workers: int | None = None,
        address: str | None = None,
    ) -> None:
        settings = config or AutoLFADSConfig.preset(preset)
        settings = settings if observation is None else settings.observing(observation)
        self.settings = settings if minutes is None else settings.lasting(minutes)
        self.seed, self.placement = seed, Placement(engine, device, workers, address)
        self.history: list[dict[str, float]] = []
        self._progress, self._run_directory = progress, run_directory
        self.trained_: TrainedModel | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], making: Making) -> Self:
        """Make the estimator from the numbers of `AutoLFADSConfig` that differ from the preset's.

        Raises
        ------
        ConfigError
            If there is no such preset or number, or it is out of its range.
        """
        fusing = {} if making.correct is None else {"second_step": making.correct}
        return cls(
            seed=making.seed,
            config=AutoLFADSConfig.from_settings(making.preset, {**settings, **fusing}),
            minutes=making.minutes,
            progress=making.progress or silent,
            run_directory=making.run_directory,
            **making.placement,
        )

    @property
    def config(self) -> dict[str, Any]:
        """Every number of the configuration; after `fit` with the steps of its training, the muscles and the score."""
        return self.settings.model_dump() | (self.trained_.as_config() if self.trained_ is not None else {})

    @property
    def card(self) -> ModelCard:
        """What the trained model says of itself; ConfigError where there is none yet."""
        return self._require_trained().card

    @property
    def predicts_masked(self) -> bool:
        """Whether it has learnt to predict what is masked on all muscles at once: held-out bins can be asked of it."""
        return predicts_masked(self.settings)

    def fit(self, emg: xr.DataArray | Mapping[str, xr.DataArray]) -> Self:
        """Train on rectified, scaled EMG, or on counts of spikes, of one session or of several.

        Several sessions have one model: each has a read-in and a read-out of its own, all else is shared. A gradient
        step is on windows of one session; these are drawn in proportion to what they hold, a short one at least half as
        often as if all held the same. The validation score is the mean over sessions.

        Parameters
        ----------
        emg : DataArray, (time, muscle), or mapping of str to DataArray
            From `preprocess`, of several sessions by their names. They may differ in muscles, length and gaps; what
            has one name in two sessions is taken for the same muscle. Muscles that are not ``usable`` are left out, and
            so is what is NaN. With the observation "poisson", counts in bins (`count_spikes`). From `cut_trials`, each
            trial is a window; shorter ones end with nothing known.

        Returns
        -------
        AutoLFADS
            Itself.

        Raises
        ------
        ConfigError
            If a session has no name.
        SignalError
            If it is not rectified EMG, no muscle is usable, a value is infinite or not positive, no segment is long
            enough, sessions have different rates, or two are the same.
        TrainingError
            If every model failed.
        SourceError, OutputError
            If the run directory holds another run, or cannot be written.
        ConfigError
            If there is no such device, or Ray is missing or not reached.
        """
        attrs = getattr(emg, "attrs", {})  # what is no EMG is refused below
        sessions = emg if isinstance(emg, Mapping) else {name_of(str(attrs.get("origin", ""))): emg}
        with Training.of(Prepared.of(self.settings, sessions), self.seed, self.placement) as training:
            training.run(self._progress, self._run_directory)
            self.trained_, self.history = training.best(), training.engine.history
        return self

    def adapt(self, emg: xr.DataArray, session: str, *, progress: ProgressCallback | None = None) -> Self:
        """Let a model learn a session that it has not seen: read-in and read-out only, which takes seconds.

        Parameters
        ----------
        emg : DataArray, (time, muscle)
            At the rate, and with the preprocessing, that the model was trained on; of any muscles. Those that the model
            knows start from what it knows of them.
        session : str
            A name that the model does not know yet.
        progress : callable, optional
            In place of that of the estimator.

        Returns
        -------
        AutoLFADS
            Another one, which knows this session beside those before.

        Raises
        ------
        ConfigError
            If there is no trained model yet, or it knows a session of this name.
        SignalError, TrainingError
            As `fit`, and if rate or preprocessing is not that of the model.
        """
        another = type(self)(config=self.settings, seed=self.seed, progress=self._progress)
        another.trained_ = adapted(self._require_trained(), emg, session, self.seed, progress or self._progress)
        return another

    def estimate(
        self,
        emg: xr.DataArray,
        *,
        session: str | None = None,
        correct: bool | None = None,
        infer_missing: bool = False,
    ) -> xr.Dataset:
        """Estimate activation, with what the model infers beside it.

        Parameters
        ----------
        emg : DataArray, (time, muscle)
            With the muscles, the rate and the preprocessing that the model was trained on in this session.
        session : str, optional
            Name of the session that the EMG is of; needed where the model knows several.
        correct : bool, optional
            Whether the prediction of masked blocks is fused with the muscle's own data; unset, as the configuration
            says. What was chosen for each muscle is in the estimate's ``config``.
        infer_missing : bool
            Whether muscles that only other sessions have are inferred from those of this one. The coordinate
            ``inferred`` says which, their ``activation_std`` how far inferring errs of muscles that are recorded here.

        Returns
        -------
        Dataset
            ``activation``, ``activation_std`` (its expected error; without the second step, the spread over masks
            and posterior samples), for gamma observations ``concentration``, ``rate_parameter`` (time, muscle);
            ``factors`` (time, factor); ``inputs``, ``inputs_std`` (time, input); ``initial_condition`` (window, ic) at
            ``window_start`` (s); after `fit` the history of training (``search_*``, search_row). NaN for muscles
            that are not usable, in segments shorter than a window or without any of the muscle.

        Raises
        ------
        ConfigError
            If there is no trained model yet, or it does not know the session.
        SignalError
            If muscles, rate or preprocessing are not those of the model, a value is infinite or not positive, or no
            segment is long enough.
        """
        trained = self._in_place(session)
        inferred = infer_recording(trained, emg, self.seed)
        fused = second_step(trained, muscles_of_model(trained.card, emg), inferred.series["mean"], correct=correct)
        variables = inferred.variables(trained.card, emg, fused[:2] if fused else None)
        for column in self.history[0] if self.history else ():
            variables[f"search_{column}"] = (("search_row",), np.array([row[column] for row in self.history]))
        of_session = {"session": trained.card.names[0], "muscles": list(trained.card.muscles)}
        of_session["device"] = trained.device.type
        estimate = self._dataset(emg, variables, of_session | (fused.as_config() if fused else {}))
        return with_missing(self._require_trained(), session, emg, estimate, self.seed) if infer_missing else estimate

    def predict_hidden(
        self, emg: xr.DataArray, hidden: NDArray[np.bool_], *, session: str | None = None
    ) -> NDArray[np.float32]:
        """Predict activation where it is hidden, from what is not; raises what `estimate` does.

        Parameters
        ----------
        emg : DataArray, (time, muscle)
        hidden : ndarray of bool, (time,)
            Bins that the model must not see.
        session : str, optional
            As for `estimate`.

        Returns
        -------
        ndarray, (time, muscle)
            NaN as in `estimate`.
        """
        trained, hidden = self._in_place(session), np.asarray(hidden)
        predicted = infer_recording(trained, emg, self.seed, hidden).series["mean"]
        fused = second_step(trained, muscles_of_model(trained.card, emg), predicted, hidden=hidden)
        return by_muscle(trained.card, emg, fused.activation if fused else predicted)

    def to_bytes(self) -> bytes:
        """Return the trained model as safetensors bytes, configuration included."""
        return pack(self._require_trained())

    def save(self, path: str | Path) -> None:
        """Write the trained model to a safetensors file: whole, or not at all (OutputError)."""
        write_bytes(Path(path), self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes, file: str = "") -> Self:
        """Return the estimator that `to_bytes` gave; ``file`` is named in errors (SourceError)."""
        trained = unpack(data, file)
        estimator = cls(config=trained.card.config, seed=trained.card.seed)
        estimator.trained_ = trained
        return estimator

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a trained model from a safetensors file; SourceError if it is missing or is not such a model."""
        return cls.from_bytes(read_model(path), file=str(path))

    def _in_place(self, session: str | None) -> TrainedModel:
        return self._require_trained().of_session(session).on(device_of(self.placement.device))

    def _require_trained(self) -> TrainedModel:
        if self.trained_ is None:
            raise ConfigError("there is no trained model yet", obj="AutoLFADS", way_out="Call fit or load first.")
        return self.trained_
