"""All that a page is made of, and what its sections share: excerpts, order and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.report.colours import colours_of_estimates
from nwb_autolfads.report.figures import busiest_excerpt

SHOWN_SECONDS = 3.0


@dataclass(frozen=True)
class Page:
    """All that a page is made of.

    Attributes
    ----------
    estimates : mapping of str to Dataset
        At least one estimate by its name, as the estimators return it or `read_activation` reads it.
    title : str
        Heading of the page, the name of the file for instance.
    emg : DataArray, (time, muscle), optional
        Rectified EMG that the estimates were made from, drawn behind them.
    emg_note : str, optional
        Why the EMG is not drawn, where it is not.
    assumptions : sequence of str, optional
        What was taken for granted while reading.
    truth : DataArray, (time, muscle), optional
        True activation of a simulated session, drawn over the estimates.
    scores : Dataset, optional
        ``r2`` ``(estimator, muscle)`` to the truth.
    quality : Dataset, (muscle,), optional
        What `nwb_autolfads.emg.quality.assess_quality` says of the EMG as it was recorded.
    signals : DataArray, (time, muscle), optional
        An excerpt of that EMG, drawn beside its quality.
    comparisons : mapping of str to Dataset
        Scores by the keys of `nwb_autolfads.evaluation.registry.SCORES`.
    events : Events, optional
        Around which activation is averaged.
    missing : mapping of str to str
        What could not be compared, and why.
    notes : sequence of str
        What was left out of the comparisons, or done otherwise than one may expect.
    commands : sequence of str
        Command lines that make these estimates again.
    settings_files : mapping of str to str
        Text of the settings files that they name.
    models : sequence
        Models that estimates were made with, `nwb_autolfads.commands.recipe.UsedModel`.
    """

    estimates: Mapping[str, xr.Dataset]
    title: str
    emg: xr.DataArray | None = None
    emg_note: str = ""
    assumptions: Sequence[str] = ()
    truth: xr.DataArray | None = None
    scores: xr.Dataset | None = None
    quality: xr.Dataset | None = None
    signals: xr.DataArray | None = None
    comparisons: Mapping[str, xr.Dataset] = field(default_factory=dict)
    events: Events | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    commands: Sequence[str] = ()
    settings_files: Mapping[str, str] = field(default_factory=dict)
    models: Sequence[Any] = ()

    @property
    def first(self) -> xr.Dataset:
        """The first estimate: all are of one recording."""
        return next(iter(self.estimates.values()))

    @cached_property
    def busiest(self) -> tuple[float, float]:
        """Start and stop (s) of the excerpt that is shown."""
        return busiest_excerpt(self.first["activation"], SHOWN_SECONDS)

    @cached_property
    def random(self) -> tuple[float, float]:
        """Start and stop (s) of an excerpt that nobody chose: the same for the same recording."""
        time = self.first["time"].values
        n_starts = max(1, int(np.searchsorted(time, time[-1] - SHOWN_SECONDS)))
        start = float(time[int(np.random.default_rng(0).uniform() * n_starts)])  # where something was recorded
        return start, min(start + SHOWN_SECONDS, float(time[-1]))

    @cached_property
    def compared(self) -> dict[str, xr.Dataset]:
        """The comparisons, their estimators in the order of the page."""
        return {key: in_order_of(self.estimates, each) for key, each in self.comparisons.items()}

    @cached_property
    def colours(self) -> dict[str, str]:
        """Of each estimate, the same in every figure."""
        scored = [*self.compared.values(), *([] if self.scores is None else [self.scores])]
        return colours_of_estimates(
            self.estimates, *(str(name) for each in scored for name in each["estimator"].values)
        )


def in_order_of(estimates: Mapping[str, xr.Dataset], scores: xr.Dataset) -> xr.Dataset:
    """Return scores with the estimators in the order in which the page has them."""
    there = [str(name) for name in scores["estimator"].values]
    return scores.sel(
        estimator=[*(name for name in estimates if name in there), *(n for n in there if n not in estimates)]
    )
