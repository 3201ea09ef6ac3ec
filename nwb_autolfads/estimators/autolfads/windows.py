"""The windows of a recording that a model can take: their length in bins, and the segments that hold them."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from nwb_autolfads.estimators.autolfads.card import ModelCard, SessionCard, differences
from nwb_autolfads.estimators.observed import check_rectified, unfit, usable_muscles
from nwb_autolfads.lfads.observations import OBSERVATIONS, Name
from nwb_autolfads.segments import Segments

SHORTEST_SHARE = 0.25
"""Of a window: in shorter segments there is too little around a bin to predict it from."""


def bins(ms: float, rate: float) -> int:
    """Turn ms into bins at a rate (Hz)."""
    return round(ms * rate / 1000)


def padded(emg: xr.DataArray, at_least: int, *, before: int = 0) -> Tensor:
    """Return the values, float32 (time, muscle), with nothing known (NaN) before them and after, up to a length."""
    values = torch.from_numpy(np.ascontiguousarray(emg.values, dtype=np.float32))
    after = max(at_least - before - len(values), 0)
    return nn.functional.pad(values, (0, 0, before, after), value=torch.nan)


def long_segments(emg: xr.DataArray, window: int, observation: Name, *, margin: int = 0) -> Segments:
    """Find the gap-free segments that are long enough, in data that a model with this observation can take.

    NaN is what is missing: it is neither learnt from nor counted. One segment at least must be as long as a window with
    its margins; others are used from a quarter of that on (`SHORTEST_SHARE`).

    Raises
    ------
    SignalError
        If there is none, no muscle is left, nothing of a muscle is known, or a value is infinite, negative, or zero
        where the observation has no zeros.
    """
    if not emg.sizes["muscle"]:
        raise unfit(emg, "no muscle is usable", "Run `nwb-autolfads inspect` to see why.")
    zeros = OBSERVATIONS[observation].has_zeros
    bad = np.isinf(emg.values) | (emg.values < 0 if zeros else emg.values <= 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise unfit(
            emg,
            f"{bad.sum()} values are infinite or {'negative' if zeros else 'not positive'}, the first is "
            f"{emg.values[row, column]} for muscle "
            f"{emg['muscle'].values[column]} at {float(emg['time'].values[row]):.3f} s",
            "Preprocess the EMG first: it is rectified and floored there.",
        )
    unknown = emg["muscle"].values[np.isnan(emg.values).all(axis=0)]
    if len(unknown):
        raise unfit(emg, f"muscle {unknown[0]} has no value at all (NaN)", "Mark it as unusable.")
    segments, at_least = Segments.of(emg), window + 2 * margin
    longest = max(segments.lengths, default=0)
    if longest < at_least:
        rate = float(emg.attrs["rate"])
        raise unfit(
            emg,
            f"the longest segment without a gap is {longest / rate:.3f} s, shorter than one window of "
            f"{at_least / rate:.3f} s",
            _windows_that_fit(1000 * longest / rate - 2 * 1000 * margin / rate),
        )
    return segments.at_least(SHORTEST_SHARE * at_least)


def _windows_that_fit(longest_ms: float) -> str:
    window = f"window_ms: {max(longest_ms, 0):.4g}, window_overlap_ms: {max(longest_ms, 0) / 2:.4g}"
    return (
        f"Give a longer recording, or train with autolfads: {{{window}}} in a settings file (--config); "
        "`inspect` says where trials could be windows."
    )


def muscles_of_model(card: ModelCard, emg: xr.DataArray) -> xr.DataArray:
    """Return the muscles of a model of one session, in its order, of a recording that it fits.

    Raises
    ------
    SignalError
        If one of them is not usable there, or the rate or the preprocessing is another.
    """
    check_rectified(emg)
    here = emg["muscle"].values[usable_muscles(emg)].tolist()
    if missing := [muscle for muscle in card.muscles if muscle not in here]:
        raise unfit(
            emg,
            f"the model was trained on {', '.join(card.muscles)}; {', '.join(missing)} not usable here "
            f"(usable: {', '.join(here)})",
            "Give a recording of the same muscles, let the model learn this session (`apply --adapt`), or train on "
            "this one with `nwb-autolfads run`.",
        )
    require_preparation_of(card.sessions[0], emg)
    return emg.sel(muscle=list(card.muscles))


def require_preparation_of(session: SessionCard, emg: xr.DataArray) -> None:
    """Refuse EMG (`SignalError`) whose rate or preprocessing is not that of a session that a model was trained on."""
    if not np.isclose(float(emg.attrs["rate"]), session.rate):
        raise unfit(
            emg,
            f"EMG at {emg.attrs['rate']} Hz; the model was trained at {session.rate} Hz",
            "Preprocess to that rate.",
        )
    if others := differences(session.preprocessing, str(emg.attrs.get("preprocessing", ""))):
        raise unfit(
            emg,
            f"the EMG was preprocessed in another way than that which the model was trained on: {'; '.join(others)}",
            "Preprocess it as that was (`apply --reprocess`), or train on this one",
        )
