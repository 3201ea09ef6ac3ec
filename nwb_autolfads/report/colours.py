"""One colour for each estimator, wherever it is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import xarray as xr

from nwb_autolfads.estimators import registry
from nwb_autolfads.palette import COLOURS


def colours_of(names: Iterable[str], estimators: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the colour of each estimate: that of its estimator, where no estimate before it has it.

    Parameters
    ----------
    names : iterable of str
        Of the estimates, as they are drawn.
    estimators : mapping of str to str, optional
        By which estimator each was made; by default its name says it.

    Returns
    -------
    dict of str to str
        By the names. Estimates that share an estimator, and those of others, get the colours that are left.
    """
    made_by = {name: (estimators or {}).get(name, name) for name in names}
    colours: dict[str, str] = {}
    for name, estimator in made_by.items():
        entry = registry.entry_of(estimator)
        if entry is not None and entry.colour and entry.colour not in colours.values():
            colours[name] = entry.colour
    left = [colour for colour in COLOURS if colour not in colours.values()] or list(COLOURS)
    others = [name for name in made_by if name not in colours]
    return colours | {name: left[index % len(left)] for index, name in enumerate(others)}


def colours_of_estimates(estimates: Mapping[str, xr.Dataset], *more: str) -> dict[str, str]:
    """Return the colour of each estimate, which says itself by what it was made; and of more names."""
    estimators = {name: str(each.attrs["estimator"]) for name, each in estimates.items() if "estimator" in each.attrs}
    return colours_of([*estimates, *more], estimators)
