"""The same views in a notebook: a session held open, and figures of it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from nwb_autolfads.errors import ConfigError, SourceError, shown
from nwb_autolfads.given import number, path_of
from nwb_autolfads.viewer.extra import require_viewer
from nwb_autolfads.viewer.figures import plot_around, plot_stretch
from nwb_autolfads.viewer.moments import disagreements, misfits
from nwb_autolfads.viewer.quality import quality_of
from nwb_autolfads.viewer.session import Session, opened_session

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class SessionViews:
    """A session that is open to be looked at: close it, or use it in a ``with`` block.

    Attributes
    ----------
    session : Session
        What is in it.
    """

    def __init__(self, file: str | Path, *, emg: str | None = None, outside_links: bool = False) -> None:
        require_viewer()
        file = file if isinstance(file, str) else path_of(file, SourceError)
        self._stack = ExitStack()
        self.session: Session = self._stack.enter_context(opened_session(file, emg=emg, outside_links=outside_links))

    def __repr__(self) -> str:
        start, stop = self.session.span
        return (
            f"{self.session.title}: {start:g} to {stop:g} s, muscles {', '.join(self.session.muscles) or 'none'}; "
            f"estimates {', '.join(self.session.estimates) or 'none'}; "
            f"events {', '.join([*self.session.events, *self.session.intervals]) or 'none'}"
        )

    def stretch(self, start: float, stop: float, **chosen: Any) -> Figure:
        """Draw a stretch of time; see `nwb_autolfads.viewer.figures.plot_stretch`."""
        start, stop = number(start, "start", "stretch"), number(stop, "stop", "stretch")
        self.session.wait_for(stop - start)
        return plot_stretch(self.session, start, stop, **chosen)

    def around(self, events: str, muscle: str, **chosen: Any) -> Figure:
        """Draw a muscle around events; see `nwb_autolfads.viewer.figures.plot_around`."""
        return plot_around(self.session, events, muscle, **chosen)

    def moments(self, estimate: str | None = None) -> pd.DataFrame:
        """List where to look.

        Parameters
        ----------
        estimate : str, optional
            Moments at which this one fits the EMG worst; by default those at which estimates disagree most.

        Returns
        -------
        DataFrame
            ``time`` (s), ``size``, ``muscle`` and ``names``; the worst first. See `nwb_autolfads.viewer.moments`.

        Raises
        ------
        ConfigError
            If there is no such estimate.
        """
        if estimate is not None and estimate not in self.session.estimates:
            there = ", ".join(self.session.estimates) or "none"
            raise ConfigError(f"no estimate is called {shown(estimate)}", way_out=f"There are {there}")
        self.session.wait_for()
        found = disagreements(self.session) if estimate is None else misfits(self.session, estimate)
        return pd.DataFrame([asdict(each) for each in found], columns=["time", "size", "muscle", "names"])

    def quality(self) -> xr.Dataset:
        """Judge the EMG of each muscle; see `nwb_autolfads.emg.quality.assess_quality`."""
        return quality_of(self.session)

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def __enter__(self) -> SessionViews:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def view(file: str | Path, *, emg: str | None = None, outside_links: bool = False) -> SessionViews:
    """Open a session to look at it in a notebook.

    Parameters
    ----------
    file : str or Path
        A recording or a file with estimates, as for ``nwb-autolfads view``. It is read piece by piece.
    emg : str, optional
        Where the EMG is in the file.
    outside_links : bool
        Whether the file may read from outside its own folder.

    Returns
    -------
    SessionViews

    Raises
    ------
    ConfigError
        If the packages of the extra ``viewer`` are not installed.
    SourceError
        If the file cannot be read, or nothing in it can be drawn.

    Examples
    --------
    >>> with nal.view("walk_activation.nwb") as walk:  # doctest: +SKIP
    ...     walk.around("trials", "TA", before=0.5, after=1.0).show()
    """
    return SessionViews(file, emg=emg, outside_links=outside_links)
