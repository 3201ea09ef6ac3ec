"""The figure of how well each unit of motor cortex is predicted from the muscles of each estimate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nwb_autolfads.palette import BLACK
from nwb_autolfads.report.colours import colours_of
from nwb_autolfads.report.figures import legend_above

LOWEST_SHOWN = -0.2  # of R2: below, a prediction is worse than none, whatever the number


def plot_units(scores: xr.Dataset, *, colours: Mapping[str, str] | None = None) -> Figure:
    """Draw R2 of every unit, those that are predicted best on the left, one line per estimate.

    Parameters
    ----------
    scores : Dataset
        ``unit_r2`` ``(estimator, unit)``, as `nwb_autolfads.compare_with_cortex` returns it.
    colours : mapping of str to str, optional
        Of the estimates; by default one for each estimator.

    Returns
    -------
    Figure
        The places of the units are the same for all estimates, by the mean over estimates.
    """
    names = [str(name) for name in scores["estimator"].values]
    colours = colours or colours_of(names)
    r2 = scores["unit_r2"].transpose("estimator", "unit").values
    order = np.argsort(-r2.mean(axis=0), kind="stable")
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    axis = figure.subplots()
    for name, values in zip(names, r2, strict=True):
        axis.plot(np.arange(1, len(order) + 1), values[order], ".-", color=colours[name], linewidth=0.8, label=name)
    axis.axhline(0, color=BLACK, linewidth=0.6)
    axis.set_ylim(bottom=max(axis.get_ylim()[0], LOWEST_SHOWN))
    axis.set_xlabel("units, the best predicted one first")
    axis.set_ylabel("R² in held-out time")
    legend_above(figure, axis)
    return figure
