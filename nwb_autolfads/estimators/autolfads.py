"""AutoLFADS: activation from all muscles together, by a population of LFADS models (Wimalasena et al. 2022)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
import xarray as xr

from nwb_autolfads.errors import ConfigError, SignalError, SourceError
from nwb_autolfads.estimators.base import Estimator, gap_free_slices
from nwb_autolfads.estimators.config import PRESETS, AutoLFADSConfig, Preset
from nwb_autolfads.estimators.weights import MAX_BYTES, ModelCard, TrainedModel, pack, sizes_of, unpack
from nwb_autolfads.lfads.hiding import Elements
from nwb_autolfads.lfads.inference import Posterior, infer
from nwb_autolfads.lfads.observation import Gamma
from nwb_autolfads.lfads.windows import chop, merge, window_starts
from nwb_autolfads.search.population import Population
from nwb_autolfads.search.progress import ProgressCallback, silent


class AutoLFADS(Estimator):
    """Activation as the expected rectified EMG under an LFADS model with gamma observations.

    Parameters
    ----------
    preset : {"quick", "paper"}
        Where the configuration starts from.
    seed : int
        Seed of initial weights, of what is hidden, of noise and of posterior samples; the same seed gives the same
        result on the same CPU.
    config : AutoLFADSConfig, optional
        A configuration of your own; ``preset`` is not used then.
    progress : callable, optional
        Called with a `Progress` after every epoch.

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
        progress: ProgressCallback = silent,
    ) -> None:
        if preset not in PRESETS:
            raise ConfigError(f"preset is {preset!r}", obj="AutoLFADS", way_out=f"Use one of {', '.join(PRESETS)}.")
        self.settings = config or AutoLFADSConfig.preset(preset)
        self.seed = seed
        self.history: list[dict[str, float]] = []
        self._progress = progress
        self._trained: TrainedModel | None = None

    @property
    def config(self) -> dict[str, Any]:
        """Every number of the configuration and, after `fit`, the muscles and the score of the model."""
        fitted = {}
        if self._trained is not None:
            card = self._trained.card
            fitted = {"muscles": list(card.muscles), "validation_nll": card.score}
        return self.settings.model_dump() | fitted

    def fit(self, emg: xr.DataArray) -> Self:
        """Train on rectified, scaled EMG.

        Parameters
        ----------
        emg : DataArray, (time, muscle)
            From `preprocess`. Muscles that are not ``usable`` are left out.

        Returns
        -------
        AutoLFADS
            Itself.

        Raises
        ------
        SignalError
            If no muscle is usable, a value is not finite or not positive, or no segment is long enough.
        TrainingError
            If every model failed.
        """
        settings, rate = self.settings, float(emg.attrs["rate"])
        window = _bins(settings.window_ms, rate)
        hiding = Elements(settings.shift_sd_ms * rate / 1000, _bins(settings.shift_max_ms, rate))
        used = emg[:, emg["usable"].values]
        segments = _long_segments(used, window + 2 * hiding.margin)
        data = torch.cat([_tensor(used[segment]) for segment in segments])
        population = Population(
            data=data,
            segment_bins=[segment.stop - segment.start for segment in segments],
            window=window,
            sizes=sizes_of(settings, used.sizes["muscle"]),
            observation=Gamma(),
            hiding=hiding,
            config=settings.training,
            seed=self.seed,
        )
        best = population.fit(self._progress)
        self.history = population.history
        card = ModelCard(
            muscles=tuple(used["muscle"].values.tolist()),
            rate=rate,
            seed=self.seed,
            config=settings,
            trained_on=emg.attrs.get("origin", ""),
            score=float(population.best_score[best]),
        )
        self._trained = TrainedModel(card, population.best_model(best))
        return self

    def estimate(self, emg: xr.DataArray) -> xr.Dataset:
        """Estimate activation, with what the model infers beside it.

        Parameters
        ----------
        emg : DataArray, (time, muscle)
            With the muscles and the rate that the model was trained on.

        Returns
        -------
        Dataset
            ``activation``, ``activation_std`` (spread over posterior samples), ``concentration``, ``rate_parameter``
            (time, muscle); ``factors`` (time, factor); ``inputs``, ``inputs_std`` (time, input);
            ``initial_condition`` (window, ic) with ``window_start`` (s); after `fit` also the history of training
            (``search_*``, search_row). NaN in segments shorter than a window and for muscles that are not usable.

        Raises
        ------
        ConfigError
            If there is no trained model yet.
        SignalError
            If muscles or rate are not those of the model, a value is not finite, or no segment is long enough.
        """
        trained = self._require_trained()
        card, settings = trained.card, trained.card.config
        self._check_same_recording_setup(emg, card)
        window, overlap = _bins(settings.window_ms, card.rate), _bins(settings.window_overlap_ms, card.rate)
        used = emg.sel(muscle=list(card.muscles))
        random = torch.Generator().manual_seed(self.seed)
        columns = np.flatnonzero(emg["muscle"].isin(card.muscles))
        series: dict[str, np.ndarray] = {}
        starts_s, initial_conditions = [], []
        for segment in _long_segments(used, window):
            data = _tensor(used[segment])
            starts = window_starts(len(data), window, overlap)
            posterior = self._infer_windows(trained, data, starts, window, random)
            starts_s += emg["time"].values[segment][starts].tolist()
            initial_conditions.append(posterior.initial_condition)
            for name, values in posterior._asdict().items():
                if name == "initial_condition":
                    continue
                merged = merge(values, starts, settings.merge_power).numpy()
                whole = series.setdefault(name, np.full((emg.sizes["time"], merged.shape[1]), np.nan, np.float32))
                whole[segment] = merged

        def by_muscle(values: np.ndarray) -> np.ndarray:
            full = np.full((emg.sizes["time"], emg.sizes["muscle"]), np.nan, np.float32)
            full[:, columns] = values
            return full

        variables: dict[str, Any] = {
            "activation": by_muscle(series["mean"]),
            "activation_std": by_muscle(series["mean_sd"]),
            "concentration": by_muscle(series["concentration"]),
            "rate_parameter": by_muscle(series["concentration"] / series["mean"]),
            "factors": (("time", "factor"), series["factors"]),
            "initial_condition": (("window", "ic"), torch.cat(initial_conditions).numpy()),
            "window_start": (("window",), np.array(starts_s)),
        }
        if settings.inputs:
            variables["inputs"] = (("time", "input"), series["inputs"])
            variables["inputs_std"] = (("time", "input"), series["inputs_sd"])
        for column in self.history[0] if self.history else ():
            values = np.array([row[column] for row in self.history])
            variables[f"search_{column}"] = (("search_row",), values)
        return self._dataset(emg, variables)

    def _infer_windows(
        self, trained: TrainedModel, data: torch.Tensor, starts: list[int], window: int, random: torch.Generator
    ) -> Posterior:
        settings = trained.card.config
        batches = [
            infer(
                trained.model,
                Gamma(),
                chop(data, starts[i : i + settings.inference_windows], window),
                samples=settings.posterior_samples,
                random=random,
            )
            for i in range(0, len(starts), settings.inference_windows)
        ]
        # windows are the last axis but one everywhere
        return Posterior(*(torch.cat(parts, dim=-2) for parts in zip(*batches, strict=True)))

    def to_bytes(self) -> bytes:
        """Return the trained model as safetensors bytes, configuration included."""
        return pack(self._require_trained())

    def save(self, path: str | Path) -> None:
        """Write the trained model to a safetensors file, configuration included."""
        Path(path).write_bytes(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes, file: str = "") -> Self:
        """Return the estimator that `to_bytes` gave; ``file`` is named in errors (SourceError)."""
        trained = unpack(data, file)
        estimator = cls(config=trained.card.config, seed=trained.card.seed)
        estimator._trained = trained
        return estimator

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a trained model from a safetensors file.

        Raises
        ------
        SourceError
            If the file is missing or is not such a model.
        """
        try:
            with open(path, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise SourceError(
                f"the model cannot be read ({error.strerror})", file=str(path), way_out="Check the path."
            ) from error
        return cls.from_bytes(data, file=str(path))

    def _require_trained(self) -> TrainedModel:
        if self._trained is None:
            raise ConfigError("there is no trained model yet", obj="AutoLFADS", way_out="Call fit or load first.")
        return self._trained

    def _check_same_recording_setup(self, emg: xr.DataArray, card: ModelCard) -> None:
        here = emg["muscle"].values[emg["usable"].values].tolist()
        missing = [muscle for muscle in card.muscles if muscle not in here]
        if missing:
            raise _signal_error(
                emg,
                f"the model was trained on {', '.join(card.muscles)}; {', '.join(missing)} not usable here "
                f"(usable: {', '.join(here)})",
                "Give a recording of the same muscles, or train on this one with `nwb-autolfads run`.",
            )
        if not np.isclose(float(emg.attrs["rate"]), card.rate):
            raise _signal_error(
                emg,
                f"EMG at {emg.attrs['rate']} Hz; the model was trained at {card.rate} Hz",
                "Preprocess to that rate.",
            )


def _bins(ms: float, rate: float) -> int:
    return round(ms * rate / 1000)


def _tensor(emg: xr.DataArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(emg.values, dtype=np.float32))


def _signal_error(emg: xr.DataArray, problem: str, way_out: str) -> SignalError:
    origin = json.loads(emg.attrs.get("origin", "{}"))
    return SignalError(problem, file=origin.get("file", ""), obj=origin.get("object_path", ""), way_out=way_out)


def _long_segments(emg: xr.DataArray, bins: int) -> list[slice]:
    """Gap-free segments with at least ``bins`` bins, of EMG that the model can take."""
    if not emg.sizes["muscle"]:
        raise _signal_error(emg, "no muscle is usable", "Run `nwb-autolfads inspect` to see why.")
    bad = ~np.isfinite(emg.values) | (emg.values <= 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise _signal_error(
            emg,
            f"{bad.sum()} values are not finite and positive, the first is {emg.values[row, column]} for muscle "
            f"{emg['muscle'].values[column]} at {float(emg['time'].values[row]):.3f} s",
            "Preprocess the EMG first: it is rectified and floored there.",
        )
    slices = gap_free_slices(emg)
    longest = max((s.stop - s.start for s in slices), default=0)
    if longest < bins:
        rate = float(emg.attrs["rate"])
        raise _signal_error(
            emg,
            f"the longest stretch without a gap is {longest / rate:.3f} s, shorter than one window of "
            f"{bins / rate:.3f} s",
            "Give a longer recording, or a shorter `window_ms` in the configuration.",
        )
    return [s for s in slices if s.stop - s.start >= bins]
