"""What each variable of EMG and of an estimate is, and its unit: what xarray writes at an axis, and others read."""

from __future__ import annotations

from typing import TypeVar

import xarray as xr

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)

LABELS: dict[str, tuple[str, str]] = {
    "time": ("Time on the session's clock", "s"),
    "muscle": ("Muscle", ""),
    "segment": ("Number of the stretch without a gap", ""),
    "scale": ("Factor to the unit of the recording", "{unit}"),
    "usable": ("Whether the recording passed quality control", ""),
    "emg": ("Rectified EMG", "a.u."),
    "activation": ("Muscle activation", "a.u."),
    "activation_std": ("Standard deviation of muscle activation", "a.u."),
    "concentration": ("Concentration of the gamma distribution of rectified EMG", "1"),
    "rate_parameter": ("Rate of the gamma distribution of rectified EMG", "1/a.u."),
    "factors": ("Latent factors", "a.u."),
    "inputs": ("Inferred inputs", "a.u."),
    "inputs_std": ("Standard deviation of inferred inputs", "a.u."),
    "initial_condition": ("Initial condition of the generator", "a.u."),
    "window_start": ("Start of the window", "s"),
}
"""By the name of a variable: ``long_name`` and ``units``, "" for none; ``{unit}`` is that of the recording."""


def labelled(data: Labelled) -> Labelled:
    """Return the same with ``long_name`` and ``units`` as attributes of each variable that is known here.

    Activation is a share of what each muscle gives at most, in arbitrary units (a.u.) of its own: multiplied by
    ``scale`` it is in the unit of the recording.
    """
    data = data.copy(deep=False)
    unit = str(data.attrs.get("unit", ""))
    inside: list[xr.DataArray] = list(data.data_vars.values()) if isinstance(data, xr.Dataset) else [data]
    for variable in (*inside, *data.coords.values()):
        if variable.name in LABELS:
            name, units = LABELS[str(variable.name)]
            units = units.format(unit=unit)
            variable.attrs.update({"long_name": name, **({"units": units} if units else {})})
    return data
