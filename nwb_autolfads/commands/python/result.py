"""What a command leaves: estimates, verdict and file in one object, which shows itself in a notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from nwb_autolfads.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nwb_autolfads.report.verdict import Verdict

SHOWN_MUSCLES = 4
"""In the picture of a notebook."""


@dataclass(frozen=True)
class Result:
    """What `nwb_autolfads.run` or `nwb_autolfads.apply` leaves. It can be pickled.

    Attributes
    ----------
    file : Path
        The file written.
    estimates : dict of str to Dataset
        By their names in the file.
    emg : DataArray, (time, muscle)
        The rectified EMG they were made from.
    assumptions : tuple of str
        What was taken for granted while reading.
    verdict : Verdict, optional
        Whether they are to be trusted, beside the other estimates in the file; its ``lines()`` say it in words.

    Examples
    --------
    >>> result = nal.run("session.nwb", estimator="bayes", out="session_bayes.nwb")  # doctest: +SKIP
    >>> result["BayesianFilter"]["activation"]  # doctest: +SKIP
    """

    file: Path
    estimates: dict[str, xr.Dataset]
    emg: xr.DataArray
    assumptions: tuple[str, ...]
    verdict: Verdict | None = None

    def summary(self) -> dict[str, Any]:
        """Return what a program wants to know, JSON-serialisable."""
        usable = self.emg["usable"].values
        return {
            "file": str(self.file),
            "estimates": list(self.estimates),
            "muscles": self.emg["muscle"].values[usable].tolist(),
            "unusable": self.emg["muscle"].values[~usable].tolist(),
            "rate": self.emg.attrs["rate"],
            "assumptions": list(self.assumptions),
            "verdict": None if self.verdict is None else self.verdict.as_dict(),
            "preprocessing": json.loads(self.emg.attrs["preprocessing"]),
        }

    def __getitem__(self, name: str) -> xr.Dataset:
        """Return the estimate of a name."""
        return self.estimates[name]

    @property
    def usable(self) -> dict[str, bool]:
        """By muscle, whether it passed quality control."""
        return dict(zip(self.emg["muscle"].values.tolist(), self.emg["usable"].values.tolist(), strict=True))

    @property
    def quality(self) -> str:
        """How many muscles are usable, and which are not, in words."""
        out = [muscle for muscle, usable in self.usable.items() if not usable]
        said = f"{len(self.usable) - len(out)} of {len(self.usable)} muscles are usable"
        return f"{said}; not {', '.join(out)}" if out else said

    def plot(
        self, muscles: Sequence[str] | None = None, start: float | None = None, stop: float | None = None
    ) -> Figure:
        """Draw the estimates over the rectified EMG; see `nwb_autolfads.plot_activation`.

        Parameters
        ----------
        muscles : sequence of str, optional
            Rows to draw; by default every usable muscle.
        start, stop : float, optional
            Excerpt (s, session clock); by default the three seconds in which most happens.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ConfigError
            If there is no muscle of a name.
        """
        for muscle in muscles or ():
            if muscle not in self.usable:
                raise ConfigError(f"no muscle is called {muscle!r}", way_out=f"There are {', '.join(self.usable)}")
        from nwb_autolfads.report.content import SHOWN_SECONDS
        from nwb_autolfads.report.figures import busiest_excerpt, plot_activation

        if start is None and stop is None:
            start, stop = busiest_excerpt(next(iter(self.estimates.values()))["activation"], SHOWN_SECONDS)
        return plot_activation(self.estimates, emg=self.emg, muscles=muscles, start=start, stop=stop)

    def __repr__(self) -> str:
        headline = "" if self.verdict is None else f"\n  {self.verdict.headline}"
        return f"<Result {', '.join(self.estimates)} in {self.file}\n  {self.quality}{headline}>"

    def _repr_html_(self) -> str:
        """Return a small page for a notebook: verdict, quality, a picture. Every text in it is escaped."""
        from nwb_autolfads.report.figures import data_uri
        from nwb_autolfads.report.page import template

        muscles = [muscle for muscle, usable in self.usable.items() if usable]
        picture = data_uri(self.plot(muscles[:SHOWN_MUSCLES])) if muscles else ""
        return template("result.html.j2").render(
            names=list(self.estimates),
            file=str(self.file),
            verdict=self.verdict,
            quality=self.quality,
            picture=picture,
            n_more=max(0, len(muscles) - SHOWN_MUSCLES),
            assumptions=self.assumptions,
        )
