"""Preprocessing as it was done before: the settings that steps of an earlier one say."""

from __future__ import annotations

import json
from typing import Any

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.validation import checked


def config_of(preprocessing: str) -> PreprocessingConfig:
    """Return settings with which EMG is preprocessed as some other was.

    Parameters
    ----------
    preprocessing : str
        The attribute ``preprocessing`` of that, JSON. Mains that were found in its spectrum are looked for again.

    Raises
    ------
    ConfigError
        If it says nothing, or something that is no preprocessing of this package.
    """
    steps = json.loads(preprocessing or "[]")
    done = {str(step.get("step")): step for step in steps if isinstance(step, dict)}
    if "scale" not in done:
        raise ConfigError(
            "it is not known how the EMG was preprocessed",
            obj="preprocessing",
            way_out="Say it in a settings file (--config)",
        )
    order = [str(step.get("step")) for step in steps]
    values: dict[str, Any] = {
        "rectified": "taken as rectified" in done,
        "clip_quantile": done["clip"]["quantile"] if "clip" in done else None,
        "scale_quantile": done["scale"]["quantile"],
        "floor": done["floor"]["value"] if "floor" in done else None,
        "clip_first": "resample" in order and order.index("scale") < order.index("resample"),
        "analysis_rate_hz": done["resample"]["to_hz"] if "resample" in done else None,
        "lowpass_hz": done["low-pass"]["cutoff_hz"] if "low-pass" in done else None,
        **{name: done.get("unmix", {}).get(name, "keep") for name in ("crosstalk", "common_artifacts")},
        "spectrum": done.get("whiten", {}).get("spectrum", "keep"),
        **_filters(done),
    }
    given = {name: value for name, value in values.items() if value is not None}
    return checked(PreprocessingConfig, given, part="preprocessing")


def _filters(done: dict[str, dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if high_pass := done.get("high-pass"):
        values |= {"highpass_hz": high_pass.get("cutoff_hz"), "highpass_order": high_pass.get("order")}
    if notch := done.get("notch"):
        removed = [*notch.get("frequencies_hz", []), *notch.get("above_nyquist_hz", [])]
        mains, found = notch.get("mains_hz"), notch.get("mains_from") == "spectrum"
        values["notch_bandwidth_hz"] = notch.get("bandwidth_hz")
        of_mains = mains is not None and removed == [mains * number for number in range(1, len(removed) + 1)]
        if of_mains or not removed:
            values["notch_harmonics"] = len(removed) if mains else None
            values["mains_hz"] = None if found else mains
        else:
            values["notch_hz"] = tuple(removed)
    return values
